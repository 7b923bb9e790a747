"""Where clients are trained: the CPU or a GPU; and what keeps a GPU's results the same from run to run.

On a GPU PyTorch uses deterministic algorithms only, and no TF32, whose products have ten bits where
float32 has 23: the same seed gives the same bits on the same kind of GPU and build of PyTorch, whatever the number of
workers that share it. An operation that has no deterministic algorithm there is an error, which names it, and never
a result that the next run would not give again. CPU and GPU agree up to rounding.
"""

import os
import platform
import re
from functools import lru_cache
from pathlib import Path

import torch

PATTERN = re.compile(r"auto|cpu|cuda(:\d+)?")
WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""With a workspace of fixed size cuBLAS sums in a fixed order (cuBLAS documentation, "Results Reproducibility")."""


class NoDevice(ValueError):
    """There is no such device here; the message says what there is."""


def resolve(asked: str) -> "torch.device":
    """Return the device that ``asked`` (auto, cpu, cuda or cuda:N) stands for here; auto is cuda where there is one.

    Raises:
        NoDevice: It is not here.
    """
    if not PATTERN.fullmatch(asked):
        raise NoDevice(f"--device {asked!r}: choose auto, cpu, cuda or cuda:N")
    count = 0 if asked == "cpu" else torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked in ("auto", "cpu"):
        return torch.device("cuda" if count else "cpu")
    if not count:
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        raise NoDevice(
            f"--device {asked}: no CUDA device is found here (PyTorch {torch.__version__}, built with {built});"
            " choose --device cpu or auto"
        )
    device = torch.device(asked)
    if device.index is not None and device.index >= count:
        raise NoDevice(f"--device {asked}: the CUDA devices here are numbered from 0 to {count - 1}")
    return device


def prepare(device: "torch.device") -> "torch.device":
    """Make this process compute on ``device`` such that results are the same from run to run."""
    if device.type == "cuda":
        os.environ.setdefault(*WORKSPACE)
        torch.use_deterministic_algorithms(True)
        # it would fill what is about to be overwritten, at the price of a pass over memory
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return device


def name(device: "torch.device") -> str:
    """Return what the device calls itself: "NVIDIA H100 80GB HBM3", "AMD EPYC"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


@lru_cache
def processor() -> str:
    """Return the CPU's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
