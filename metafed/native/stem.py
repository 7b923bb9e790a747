"""The first block of a network for images, by the kernels of ``stem.cpp``; twice differentiable in its parameters.

Import it only where it is used: the classes below need torch at once.
"""

from typing import Any, Final, final

import torch
from torch.autograd.function import once_differentiable

from metafed.native.calls import DOUBLE, INT, LONG, POINTER, STRIDED, Kernels, Maybe, apply, at, dense, strided, whole

COMMON: Final = (*[LONG] * 7, POINTER, *STRIDED * 2)
KERNELS: Final = Kernels(
    "stem",
    {
        "moments": [*[LONG] * 7, *[POINTER] * 4],
        "forward": [*COMMON, *STRIDED, POINTER, POINTER, DOUBLE, INT, POINTER, POINTER],
        "backward": [*COMMON, POINTER, POINTER, DOUBLE, *[POINTER] * 6],
        "twice": [*COMMON, POINTER, POINTER, DOUBLE, *[POINTER] * 8],
    },
)


def stem(
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: Maybe,
    shift: torch.Tensor,
    mask: Maybe,
    epsilon: float,
    *,
    padding: int,
    relu: bool,
) -> torch.Tensor:
    """Return convolution, norm, ReLU and 2 × 2 max-pooling of images of few channels, ``(C, N, H', W', whole(F))``.

    Args:
        x: Images, channels first, ``(C, N, I, H, W)``, on a CPU, float32 or float64. They get no gradient.
        weight: ``(C, F, I, 3, 3)``.
        scale: The norm's factors ``(C, F)``; None for no norm at all.
        shift: ``(C, F)``, the norm's shift, or a bias where there is none.
        mask: Which rows are real ``(C, N)``: the others do not count in the norm's mean and variance. None: all.
        epsilon: Added to every variance.
        padding: Pixels of zeros around every image.
        relu: Cut off what is below 0.

    Raises:
        metafed.native.library.NoCompiler: The kernels cannot be compiled here.
    """
    x, weight, scale, shift = x.contiguous(), dense(weight), None if scale is None else dense(scale), dense(shift)
    sizes = (*x.shape, padding, weight.shape[1])
    mean = covariance = None
    if scale is not None:
        clients, numbers = len(x), 9 * x.shape[2]
        mean = x.new_empty(clients, numbers, dtype=torch.float64)
        covariance = x.new_empty(clients, numbers, numbers, dtype=torch.float64)
        real = None if mask is None else mask.to(x.dtype).contiguous()
        KERNELS.run("moments", x.dtype, *sizes, *map(at, (x, real, mean, covariance)))
    result: torch.Tensor = apply(Stem, weight, scale, shift, x, mean, covariance, epsilon, relu, sizes)
    return result


@final
class Stem(torch.autograd.Function):
    """y = pool(relu(norm(w ∗ x)))."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: torch.Tensor,
        scale: Maybe,
        shift: torch.Tensor,
        x: torch.Tensor,
        mean: Maybe,
        covariance: Maybe,
        epsilon: float,
        relu: bool,
        sizes: tuple[int, ...],
    ) -> torch.Tensor:
        """Compute y; mean and covariance are those of all patches of the images."""
        clients, rows, _, height, width, padding, filters = sizes
        y = x.new_empty(clients, rows, (height + 2 * padding - 2) // 2, (width + 2 * padding - 2) // 2, whole(filters))
        where = torch.empty_like(y, dtype=torch.uint8)
        inputs = (x.data_ptr(), *strided(weight), *strided(scale), *strided(shift), at(mean), at(covariance))
        KERNELS.run("forward", x.dtype, *sizes, *inputs, epsilon, relu, y.data_ptr(), where.data_ptr())
        ctx.save_for_backward(weight, scale, x, mean, covariance, where)
        ctx.epsilon, ctx.sizes = epsilon, sizes
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Maybe, ...]:
        """Compute the gradients in a function of its own, so that they can be differentiated again."""
        weight, scale, x, mean, covariance, where = ctx.saved_tensors
        slopes = apply(Slopes, weight, scale, grads[0], x, mean, covariance, where, ctx.epsilon, ctx.sizes)
        return *slopes, None, None, None, None, None, None


@final
class Slopes(torch.autograd.Function):
    """The gradients of ``Stem``, as a function of w, scale and the gradient of y."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: torch.Tensor,
        scale: Maybe,
        gy: torch.Tensor,
        x: torch.Tensor,
        mean: Maybe,
        covariance: Maybe,
        where: torch.Tensor,
        epsilon: float,
        sizes: tuple[int, ...],
    ) -> tuple[Maybe, ...]:
        """Compute the gradients of w, scale and shift."""
        gy = gy.contiguous()
        gw, gshift = gy.new_empty(weight.shape), gy.new_empty(len(gy), weight.shape[1])
        gscale = None if scale is None else torch.empty_like(gshift)
        sums = gy.new_empty(len(gy), 9 * weight.shape[2] + 1, gy.shape[-1], dtype=torch.float64)
        common = (*sizes, x.data_ptr(), *strided(weight), *strided(scale), at(mean), at(covariance), epsilon)
        KERNELS.run("backward", gy.dtype, *common, *map(at, (where, gy, sums, gw, gscale, gshift)))
        ctx.save_for_backward(weight, scale, x, mean, covariance, where, sums)
        ctx.epsilon, ctx.sizes, ctx.slopes = epsilon, sizes, gy.shape
        return gw, gscale, gshift

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Maybe) -> tuple[Maybe, ...]:
        """Compute the second derivatives; there is no third."""
        weight, scale, x, mean, covariance, where, sums = ctx.saved_tensors
        uw, uscale, ushift = (None if grad is None else grad.contiguous() for grad in grads)
        ggy = x.new_empty(ctx.slopes)
        # without a norm the gradients depend on gy alone
        dw, dscale = (None, None) if scale is None else (x.new_empty(weight.shape), x.new_empty(scale.shape))
        common = (*ctx.sizes, x.data_ptr(), *strided(weight), *strided(scale), at(mean), at(covariance), ctx.epsilon)
        KERNELS.run("twice", x.dtype, *common, *map(at, (where, sums, uw, uscale, ushift, ggy, dw, dscale)))
        return dw, dscale, ggy, None, None, None, None, None, None
