"""The blocks of networks for images by our own kernels: the same functions as in ``convolution``, up to rounding.

Images are ``(C, N, H, W, channels)`` here, channels last and padded with zeros to whole blocks of 16: so every
client's numbers lie together, and what becomes of them does not depend on who else is in the chunk.
"""

import torch

from metafed.core.parameters import Params
from metafed.models.convolution import EPSILON, Norm
from metafed.models.pointwise import Activation, activate
from metafed.native.choice import Kernels


def natively(kernels: Kernels, norm: Norm, x: "torch.Tensor") -> bool:
    """Say whether our kernels compute a network with these settings for inputs ``x``; group norm they have not."""
    ours = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and not x.requires_grad
    return kernels == "native" and norm != "group" and ours


def first_block(
    params: Params,
    part: str,
    x: "torch.Tensor",
    image: tuple[int, int, int],
    norm: Norm,
    activation: Activation,
    padding: int,
    mask: "torch.Tensor | None",
) -> "torch.Tensor":
    """Return convolution 0, its norm, 2 × 2 max-pooling and the nonlinearity of flattened images.

    Args:
        params: Parameters ``(C, …)`` with the names of ``conv_shapes``.
        part: The part that they are in.
        x: Images ``(C, N, channels · H · W)``.
        image: ``(channels, H, W)``.
        norm: The kind of norm, not ``group``.
        activation: The nonlinearity.
        padding: Pixels of zeros around the image.
        mask: Which rows are real ``(C, N)``; None where all are.
    """
    from metafed.native.stem import stem

    weight, (scale, shift) = params[f"{part}.conv.0.weight"], _affine(params, part, 0, norm)
    relu = activation == "relu"
    y = stem(x.unflatten(2, image), weight, scale, shift, mask, EPSILON, padding=padding, relu=relu)
    return y if relu else activate(activation, y)


def block(
    params: Params,
    part: str,
    number: int,
    x: "torch.Tensor",
    norm: Norm,
    activation: Activation,
    padding: int,
    mask: "torch.Tensor | None",
    *,
    pool: bool = True,
) -> "torch.Tensor":
    """Return convolution ``number``, its norm, 2 × 2 max-pooling and the nonlinearity of images ``x``.

    Args:
        params: Parameters ``(C, …)`` with the names of ``conv_shapes``.
        part: The part that they are in.
        number: The number of the convolution.
        x: Images ``(C, N, H, W, channels)``.
        norm: The kind of norm, not ``group``.
        activation: The nonlinearity.
        padding: Pixels of zeros around the image.
        mask: Which rows are real ``(C, N)``; None where all are.
        pool: Whether to pool.
    """
    from metafed.native import blocks

    weight, (scale, shift) = params[f"{part}.conv.{number}.weight"], _affine(params, part, number, norm)
    kind = blocks.Kind(padding, EPSILON, activation == "relu", 2 if pool else 1)
    y = blocks.block(x, weight, scale, shift, mask, kind)
    return y if kind.relu else activate(activation, y)


def channels_first(x: "torch.Tensor", filters: int) -> "torch.Tensor":
    """Return images ``(C, N, H, W, channels)`` as ``(C, N, filters, H, W)``."""
    return x[..., :filters].permute(0, 1, 4, 2, 3)


def _affine(params: Params, part: str, number: int, norm: Norm) -> "tuple[torch.Tensor | None, torch.Tensor]":
    if norm == "none":
        return None, params[f"{part}.conv.{number}.bias"]
    return params[f"{part}.norm.{number}.scale"], params[f"{part}.norm.{number}.shift"]
