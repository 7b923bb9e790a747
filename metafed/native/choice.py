"""Which kernels compute: PyTorch's own, or ours."""

from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from metafed.native.library import NoCompiler, compiler, library, sources

Kernels: TypeAlias = Literal["torch", "native"]


class Choice(NamedTuple):
    """The kernels to use here, and why they are PyTorch's where a compiler is there."""

    kernels: Kernels
    why: str | None = None


@lru_cache
def choose(wanted: Literal["auto", "torch", "native"]) -> Choice:
    """Return the kernels to use here: ``auto`` is ``native`` where there is a C++ compiler that works.

    Ours are compiled here and now where that has not been done yet, in some seconds.

    Raises:
        NoCompiler: ``native`` is wanted and cannot be had.
    """
    if wanted == "torch" or (wanted == "auto" and compiler() is None):
        return Choice("torch")
    try:
        for source in sources():
            library(source.stem)
    except NoCompiler as error:
        if wanted == "native":
            raise
        return Choice("torch", " ".join(str(error).split())[:300])
    return Choice("native")


def resolve(wanted: Literal["auto", "torch", "native"]) -> Kernels:
    """Return the kernels to use here; see ``choose``."""
    return choose(wanted).kernels


__all__ = ["Choice", "Kernels", "NoCompiler", "choose", "resolve"]
