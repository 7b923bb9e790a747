"""Convolution and normalisation with each client's own weights, by PyTorch: images are ``(N, C · filters, H, W)``.

This is the reference, and what a GPU uses; ``blocks`` has the same by our own kernels.

The client axis lies in the channels: a convolution of C clients is one of C groups. Three forms were
measured on a CPU (conv4, 5-way 1-shot with 75 query rows, one thread; milliseconds a client for an exact
MAML update with one and with five inner steps, at the best of 1, 2, 4, 8 clients a chunk). The fastest:
grouped with PyTorch's own batch norm, 91 and 148; with a norm of plain tensor operations 130 and 181;
im2col and batched matrix products 202 and 331. All are twice differentiable. Channels-last memory would
save a sixth to a third more, but PyTorch's batch norm then loses three digits in float32.
"""

from collections.abc import Mapping
from math import gcd
from typing import Literal, TypeAlias

import torch

from metafed.core.parameters import Params

Norm: TypeAlias = Literal["batch", "group", "none"]
"""``batch``: by the statistics of the client's own rows of this very batch (*transductive*: rows that are
evaluated together see one another; support and query do not, since they are predicted apart; there are no
running statistics). ``group``: each row by itself, over groups of channels (Wu and He 2018)."""

EPSILON = 1e-5
"""Added to every variance, as in PyTorch."""
GROUPS = 8
"""Groups of channels of a group norm, at most."""


def conv_shapes(part: str, number: int, inputs: int, filters: int, norm: Norm) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one convolution's parameters; a norm has its own shift in place of a bias."""
    shapes: dict[str, tuple[int, ...]] = {f"{part}.conv.{number}.weight": (filters, inputs, 3, 3)}
    if norm == "none":
        return {**shapes, f"{part}.conv.{number}.bias": (filters,)}
    return {**shapes, f"{part}.norm.{number}.scale": (filters,), f"{part}.norm.{number}.shift": (filters,)}


def images(x: "torch.Tensor", shape: tuple[int, int, int]) -> "torch.Tensor":
    """Lay flattened images ``(C, N, channels · H · W)`` out as ``(N, C · channels, H, W)``."""
    clients, rows, _ = x.shape
    return x.view(clients, rows, *shape).transpose(0, 1).flatten(1, 2)


def embeddings(x: "torch.Tensor", clients: int) -> "torch.Tensor":
    """Flatten ``(N, C · filters, H, W)`` to one row an image, ``(C, N, filters · H · W)``."""
    return x.reshape(len(x), clients, -1).transpose(0, 1)


def convolve(
    params: Params,
    part: str,
    number: int,
    x: "torch.Tensor",
    norm: Norm,
    padding: int,
    mask: "torch.Tensor | None",
) -> "torch.Tensor":
    """Apply a client's own 3 × 3 convolution and its norm to images ``(N, C · I, H, W)``.

    Args:
        params: Parameters ``(C, …)`` with the names of ``conv_shapes``.
        part: The part that they are in.
        number: The number of the convolution.
        x: Images.
        norm: The kind of norm.
        padding: Pixels of zeros around the image.
        mask: Which rows are real ``(C, N)``; None where all are.
    """
    weight = params[f"{part}.conv.{number}.weight"]
    clients = len(weight)
    bias = params[f"{part}.conv.{number}.bias"].flatten() if norm == "none" else None
    x = torch.nn.functional.conv2d(x, weight.flatten(0, 1), bias, padding=padding, groups=clients)
    if norm == "none":
        return x
    scale, shift = (params[f"{part}.norm.{number}.{name}"] for name in ("scale", "shift"))
    if norm == "group":
        groups = gcd(GROUPS, scale.shape[1])
        return torch.nn.functional.group_norm(x, clients * groups, scale.flatten(), shift.flatten(), EPSILON)
    if mask is None or bool(mask.all()):
        every = (scale.flatten(), shift.flatten())
        result: torch.Tensor = torch.nn.functional.batch_norm(x, None, None, *every, training=True, eps=EPSILON)
        return result
    return masked_batch_norm(x, scale, shift, mask)


def masked_batch_norm(
    x: "torch.Tensor", scale: "torch.Tensor", shift: "torch.Tensor", mask: "torch.Tensor"
) -> "torch.Tensor":
    """Batch norm of ``x (N, C · F, H, W)`` by the statistics of the rows that ``mask (C, N)`` marks.

    Args:
        x: Images.
        scale: ``(C, F)``.
        shift: ``(C, F)``.
        mask: Above 0 for a row, whatever its weight; 0 for padding.
    """
    rows = x.unflatten(1, scale.shape)  # (N, C, F, H, W)
    real = (mask > 0).to(mask.dtype)
    member = real.mT[..., None, None, None]
    count = real.sum(1)[:, None, None, None] * (x.shape[2] * x.shape[3])
    mean = (rows * member).sum((0, 3, 4), keepdim=True) / count
    away = rows - mean
    variance = (away.square() * member).sum((0, 3, 4), keepdim=True) / count
    factor = scale[..., None, None] * (variance + EPSILON).rsqrt()
    normed: torch.Tensor = away * factor + shift[..., None, None]
    return normed.flatten(1, 2)


def convolutions(part: str, plan: Mapping[int, tuple[int, int]], norm: Norm) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the convolutions of ``plan``: number → (input channels, filters)."""
    return {n: s for number, sizes in plan.items() for n, s in conv_shapes(part, number, *sizes, norm).items()}
