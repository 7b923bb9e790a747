"""Which settings can be combined."""
