"""Which kernels compute: PyTorch's own, or ours."""

from functools import lru_cache
from typing import Literal, TypeAlias

from metafed.native.library import NoCompiler, build, compiler, sources

Kernels: TypeAlias = Literal["torch", "native"]


@lru_cache
def resolve(wanted: Literal["auto", "torch", "native"]) -> Kernels:
    """Return the kernels to use here: ``auto`` is ``native`` where there is a C++ compiler.

    Ours are compiled here and now where that has not been done yet, in some seconds.

    Raises:
        NoCompiler: ``native`` is wanted and cannot be had; or there is a compiler, but it fails.
    """
    if wanted == "torch" or (wanted == "auto" and compiler() is None):
        return "torch"
    for source in sources():
        build(source)
    return "native"


__all__ = ["Kernels", "NoCompiler", "resolve"]
