"""Freed memory is kept by the process: a chunk's tensors have the same sizes round after round.

By default glibc returns large blocks to the system at once and gets them back page by page. For five clients of the
conv-4 network an update took 810 ms with the default and 630 ms without (two alternating runs, one thread, CPU).
"""

import ctypes
import gc
import sys

import torch

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Names of settings in glibc's malloc.h."""
LARGEST_BLOCK, PADDING = 2**30, 2**27


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed; returns whether that was possible (glibc on Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = {M_MMAP_THRESHOLD: LARGEST_BLOCK, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: PADDING}
    answers = [mallopt(name, value) for name, value in settings.items()]  # all are set, whatever the first returns
    return answers == [1, 1, 1]


def return_freed_memory() -> None:
    """Give what is kept but not used back: to the system, and to whoever else computes on the GPU."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform.startswith("linux"):
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):
            return
