"""Parameters by name, in parts, and as flat vectors.

A parameter's name is ``part.rest``: ``trunk.0.weight``, ``avatar.head.bias``. Its *part* is what a
client either holds or does not hold: every client holds the trunk and its own family's part.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

Params: TypeAlias = "Mapping[str, torch.Tensor]"
"""Parameters by name. θ's tensors have no client axis; personal ones have shape ``(C, …)``."""

Vector: TypeAlias = NDArray[np.floating[Any]]
Vectors: TypeAlias = Mapping[str, Vector]
"""One flat vector a part, the form in which θ and updates travel."""

TRUNK = "trunk"


def part_of(name: str) -> str:
    """Return the part that parameter ``name`` belongs to: the text before its first dot."""
    return name.partition(".")[0]


@dataclass(frozen=True)
class Layout:
    """Where every parameter lies in its part's flat vector.

    Both ends of a federation derive the layout from the experiment, so that a message needs one
    array a part and no names or shapes.
    """

    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """The names in each part, in the order of the flat vector."""
        found: dict[str, list[str]] = {}
        for name in self.shapes:
            found.setdefault(part_of(name), []).append(name)
        return {part: tuple(names) for part, names in found.items()}

    def size(self, part: str) -> int:
        """Return the number of scalars in ``part``."""
        return self._sizes[part]

    @cached_property
    def _sizes(self) -> Mapping[str, int]:
        return {part: sum(int(np.prod(self.shapes[name])) for name in names) for part, names in self.parts.items()}

    def flatten(self, params: Params, parts: Iterable[str]) -> "dict[str, torch.Tensor]":
        """Return one tensor ``(…, size)`` a part; leading axes beyond the layout's shapes are kept.

        What lies side by side in memory already is not copied.
        """
        flat = {}
        for part in parts:
            pieces = []
            for name in self.parts[part]:
                tensor, shape = params[name], self.shapes[name]
                lead = tensor.shape[: tensor.ndim - len(shape)]
                pieces.append(tensor.reshape(*lead, -1))
            flat[part] = joined(pieces)
        return flat

    def unflatten(self, vectors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
        """Return the parameters of the given parts by name, as views of their flat tensors ``(size,)``."""
        params = {}
        for part, vector in vectors.items():
            if vector.shape != (self.size(part),):
                raise ValueError(f"part {part!r} has shape {tuple(vector.shape)}, expected ({self.size(part)},)")
            sizes = [int(np.prod(self.shapes[name])) for name in self.parts[part]]
            for name, piece in zip(self.parts[part], vector.split(sizes), strict=True):
                params[name] = piece.view(self.shapes[name])
        return params


def joined(pieces: "Sequence[torch.Tensor]") -> "torch.Tensor":
    """Concatenate ``(…, n)`` tensors along the last axis, without a copy where they lie side by side already."""
    first, *others = pieces
    end = first.storage_offset() + first.shape[-1]
    for piece in others:
        beside = (
            piece.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
            and piece.storage_offset() == end
            and piece.stride() == first.stride()
        )
        if not beside:
            return torch.cat(list(pieces), dim=-1)
        end += piece.shape[-1]
    if first.ndim == 1 or first.requires_grad or first.stride(-1) != 1:
        return torch.cat(list(pieces), dim=-1)
    shape = (*first.shape[:-1], end - first.storage_offset())
    return first.as_strided(shape, first.stride(), first.storage_offset())


def spread(theta: Params, clients: int) -> "dict[str, torch.Tensor]":
    """Give θ a client axis: ``(…)`` becomes ``(C, …)`` leaves that share θ's memory.

    The result requires gradients, so the gradient of a sum of client losses with respect to it holds
    each client's own gradient: clients are independent of one another.
    """
    return {
        name: tensor.detach().unsqueeze(0).expand(clients, *tensor.shape).requires_grad_()
        for name, tensor in theta.items()
    }
