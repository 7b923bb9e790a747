"""metafed: the mathematics of federated meta-learning, free of any federation runtime.

Nothing in this package imports Flower or Ray. A client axis leads every tensor: parameters are
``(C, …)``, inputs ``(C, N, …)``, and one client is ``C = 1``.
"""

__version__ = "0.1.0"
