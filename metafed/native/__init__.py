"""Kernels in C++ for what PyTorch does slowly on a CPU: many small matrix products, and the blocks of small images.

They are compiled by the machine's own C++ compiler when they are first used, for its own processor, and kept in a
cache. Every one is a ``torch.autograd.Function`` that can be differentiated twice, and has a form in plain PyTorch
that it is tested against.
"""
