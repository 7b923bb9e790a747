"""Calling the kernels of one C++ file by their names."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, final

import torch

from metafed.native.library import library

Maybe: TypeAlias = torch.Tensor | None

LONG, POINTER, INT, DOUBLE = ctypes.c_long, ctypes.c_void_p, ctypes.c_int, ctypes.c_double
STRIDED: Final = (POINTER, LONG)


@final
class Kernels:
    """The kernels of ``<name>.cpp``, compiled when the first is called.

    Args:
        name: The file.
        signatures: The types of each kernel's arguments, by its name without the type of number.
    """

    def __init__(self, name: str, signatures: Mapping[str, Sequence[Any]]) -> None:
        self._name = name
        self._signatures = signatures
        self._loaded: dict[tuple[str, torch.dtype], Any] = {}

    def run(self, stage: str, dtype: torch.dtype, *arguments: float | None) -> None:
        """Call kernel ``stage`` for numbers of type ``dtype``.

        Raises:
            metafed.native.library.NoCompiler: The kernels cannot be compiled here.
        """
        if (stage, dtype) not in self._loaded:
            kernel = getattr(library(self._name), f"{stage}_{str(dtype).removeprefix('torch.')}")
            kernel.argtypes, kernel.restype = self._signatures[stage], None
            self._loaded[stage, dtype] = kernel
        self._loaded[stage, dtype](*arguments)


def apply(function: type[torch.autograd.Function], *arguments: object) -> Any:
    """Call ``function`` as part of the graph; PyTorch gives its ``apply`` no types."""
    return function.apply(*arguments)


def dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` with every client's numbers in one piece; clients may lie any distance apart.

    Call it outside of a function's ``forward``: what is saved there has to be the input itself, or the path back to it
    is lost.
    """
    return tensor if tensor.is_contiguous() or tensor[0].is_contiguous() else tensor.contiguous()


def strided(tensor: Maybe) -> tuple[int | None, int]:
    """Return where ``tensor`` lies, and the distance from one client to the next in numbers."""
    return (None, 0) if tensor is None else (tensor.data_ptr(), tensor.stride(0))


def at(tensor: Maybe) -> int | None:
    """Return where a tensor without gaps lies."""
    return None if tensor is None else tensor.data_ptr()


BLOCK: Final = 16


def whole(channels: int) -> int:
    """Return how many channels images of ``channels`` channels have in memory: whole blocks, as in ``images.h``."""
    return -(-channels // BLOCK) * BLOCK
