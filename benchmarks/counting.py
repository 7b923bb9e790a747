"""How many floating-point operations an exact MAML update takes: counted by PyTorch, and by hand.

One multiplication and one addition are two operations. Only matrix products and convolutions count, as is usual;
what is elementwise takes time but next to no operations.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from metafed.core.episodes import Episode
from metafed.models import Conv4, Network
from metafed.models.conv4 import BLOCKS

Shape = Sequence[int]


def _conv_backward(
    slope: Shape, x: Shape, weight: Shape, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int, mask: Sequence[bool], out_shape: Any = None, **rest: Any,
) -> int:  # fmt: skip
    """Return the operations of a convolution's two gradients: each takes what the convolution takes.

    PyTorch's own rule (2.13) multiplies those of the weight's gradient by the number of groups once too often,
    and our client axis lies in the groups.
    """
    return (int(mask[0]) + int(mask[1])) * conv_flop_count(list(x), list(weight), list(slope), transposed=transposed)


def counted(work: Callable[[], Any]) -> int:
    """Do ``work`` and return the floating-point operations of PyTorch's products and convolutions in it."""
    rules = {torch.ops.aten.convolution_backward: _conv_backward}
    with FlopCounterMode(display=False, custom_mapping=rules) as counter:
        work()
    return int(counter.get_total_flops())


def layers(model: Network) -> list[int]:
    """Return the operations of each layer for one row, from the input to the head: 2 × inputs × outputs × positions."""
    weights = [shape for name, shape in model.shapes.items() if name.endswith(".weight")]
    positions = [1] * len(weights)
    if isinstance(model, Conv4):
        _, height, width = model.image
        positions[:BLOCKS] = [(height >> block) * (width >> block) for block in range(BLOCKS)]
    elif any(len(shape) > 2 for shape in weights):
        raise ValueError(f"no count by hand for {type(model).__name__}")
    return [2 * prod(shape) * where for shape, where in zip(weights, positions, strict=True)]


class Rows(NamedTuple):
    """How many rows the clients of a chunk adapt on and are evaluated on, all together."""

    support: float
    query: float


def padded(episode: Episode) -> Rows:
    """Return the rows of a chunk as it is computed, padding included."""
    return Rows(episode.support.mask.numel(), episode.query.mask.numel())


def real(episode: Episode) -> Rows:
    """Return the rows of a chunk that are not padding."""
    return Rows(float(episode.support.mask.sum()), float(episode.query.mask.sum()))


def by_hand(model: Network, rows: Rows, steps: int) -> float:
    """Return the operations of an exactly second-order MAML update.

    A layer takes f operations for a forward pass over the rows, f for its weight's gradient and, but for the
    first layer, f for its input's. An inner step takes these. Differentiating it again, each of the three products
    has two factors, and a product for the gradient of either: 6 f, and 2 f in the first layer, whose input is
    data. PyTorch takes 3 f in a first layer that is a convolution: it computes one factor's gradient, the
    images', that nobody asked for. Query rows take a forward pass and the gradients.
    """
    first, *later = layers(model)
    again = 3 if isinstance(model, Conv4) else 2
    step = (2 + again) * first + 9 * sum(later)
    query = 2 * first + 3 * sum(later)
    return rows.support * steps * step + rows.query * query
