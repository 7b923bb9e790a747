"""Client-level differential privacy: clipped shares, Gaussian noise, an accountant."""
