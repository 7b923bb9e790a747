"""Affine maps of many clients with weights of their own, by the kernels of ``affine.cpp``; twice differentiable.

Import it only where it is used: the classes below need torch at once.
"""

from typing import Any, Final, final

import torch
from torch.autograd.function import once_differentiable

from metafed.native.calls import INT, LONG, POINTER, STRIDED, Kernels, Maybe, apply, at, dense, strided

SIZES: Final = [LONG] * 4
AFFINE: Final = Kernels(
    "affine",
    {
        "forward": [*SIZES, *STRIDED * 3, POINTER, INT],
        "backward": [*SIZES, *STRIDED * 2, *[POINTER] * 5],
        "twice": [*SIZES, *STRIDED * 2, *[POINTER] * 8],
    },
)


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, relu: bool) -> torch.Tensor:
    """Return ``x weight + bias``, through ReLU if asked, ``(C, N, O)``.

    The same as ``torch.baddbmm``, up to rounding. A client's result does not depend on who else is in the batch.

    Args:
        x: ``(C, N, I)``, on a CPU, float32 or float64.
        weight: ``(C, I, O)``; where it is expanded along the client axis it is not copied.
        bias: ``(C, O)``.
        relu: Cut off what is below 0.

    Raises:
        metafed.native.library.NoCompiler: The kernels cannot be compiled here.
    """
    # copied out here, where autograd sees it: what a function keeps must be its arguments themselves
    result: torch.Tensor = apply(Affine, dense(x), dense(weight), dense(bias), relu)
    return result


@final
class Affine(torch.autograd.Function):
    """y = x w + b."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, relu: bool) -> torch.Tensor:
        """Compute y."""
        y = x.new_empty(*x.shape[:2], weight.shape[2])
        _run("forward", x, weight, *strided(bias), y.data_ptr(), relu)
        ctx.save_for_backward(x, weight, y if relu else None)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Maybe, ...]:
        """Compute the gradients in a function of its own, so that they can be differentiated again."""
        x, weight, y = ctx.saved_tensors
        # y only says where ReLU cuts: no gradient flows through that
        return *apply(Slopes, x, weight, None if y is None else y.detach(), grads[0], ctx.needs_input_grad[:3]), None


@final
class Slopes(torch.autograd.Function):
    """The gradients of ``Affine``, as a function of x, w and the gradient of y."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, y: Maybe, gy: torch.Tensor, needed: tuple[bool, ...]
    ) -> tuple[Maybe, ...]:
        """Compute what is ``needed`` of the gradients of x, w and b."""
        gy = gy.contiguous()
        shapes = (x.shape, weight.shape, (len(x), weight.shape[2]))
        results = [gy.new_empty(shape) if need else None for shape, need in zip(shapes, needed, strict=True)]
        _run("backward", x, weight, *map(at, (y, gy, *results)))
        ctx.save_for_backward(x, weight, y, gy)
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Maybe) -> tuple[Maybe, ...]:
        """Compute the second derivatives; there is no third."""
        x, weight, y, gy = ctx.saved_tensors
        ggx, ggw, ggb = (None if g is None else g.contiguous() for g in grads)
        need_x, need_weight, _, need_gy, _ = ctx.needs_input_grad
        ggy = torch.empty_like(gy) if need_gy else None
        gx = gy.new_empty(x.shape) if need_x and ggw is not None else None
        gw = gy.new_empty(weight.shape) if need_weight and ggx is not None else None
        _run("twice", x, weight, *map(at, (y, gy, ggx, ggw, ggb, ggy, gx, gw)))
        return gx, gw, None, ggy, None


def _run(stage: str, x: torch.Tensor, weight: torch.Tensor, *rest: int | None) -> None:
    """Call a kernel on the sizes, x, w and what else it takes."""
    AFFINE.run(stage, x.dtype, *x.shape, weight.shape[2], *strided(x), *strided(weight), *rest)
