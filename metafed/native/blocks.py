"""Blocks of a network for images, by the kernels of ``convolution.cpp`` and ``epilogue.cpp``; twice differentiable.

Images lie channels-last, ``(C, N, H, W, whole(channels))``: padded with channels of zeros to whole blocks of 16.
Import it only where it is used: the classes below need torch at once.
"""

from typing import Any, Final, NamedTuple, final

import torch
from torch.autograd.function import once_differentiable

from metafed.native.calls import DOUBLE, INT, LONG, POINTER, STRIDED, Kernels, Maybe, apply, at, dense, strided, whole

CONVOLUTION: Final = Kernels(
    "convolution",
    {
        "convolve": [*[LONG] * 7, POINTER, *STRIDED, INT, INT, POINTER],
        "weigh": [*[LONG] * 7, *[POINTER] * 3],
    },
)
COMMON: Final = (*[LONG] * 6, POINTER, *STRIDED)
EPILOGUE: Final = Kernels(
    "epilogue",
    {
        "forward": [*COMMON, *STRIDED, POINTER, DOUBLE, INT, *[POINTER] * 3],
        "backward": [*COMMON, *[POINTER] * 7],
        "twice": [*COMMON, *[POINTER] * 10],
    },
)


class Kind(NamedTuple):
    """What a block does.

    Attributes:
        padding: Pixels of zeros around every image, 0, 1 or 2.
        epsilon: Added to every variance.
        relu: Whether what is below 0 is cut off.
        side: Pixels of a window's side in max-pooling: 2, or 1 for no pooling.
    """

    padding: int
    epsilon: float
    relu: bool
    side: int


def block(
    x: torch.Tensor, weight: torch.Tensor, scale: Maybe, shift: torch.Tensor, mask: Maybe, kind: Kind
) -> torch.Tensor:
    """Return convolution, batch norm, ReLU and max-pooling of each client's images, by the client's own parameters.

    The same as PyTorch's, up to rounding. A client's result does not depend on who else is there.

    Args:
        x: Images ``(C, N, H, W, whole(I))`` on a CPU, float32 or float64; channels beyond I count as 0.
        weight: ``(C, F, I, 3, 3)``; where it is expanded along the client axis it is not copied.
        scale: The norm's factors ``(C, F)``; None for no norm at all.
        shift: ``(C, F)``, the norm's shift, or a bias where there is none.
        mask: Which rows are real ``(C, N)``: the others do not count in the norm's mean and variance. None: all.
        kind: What else there is to know. Of odd sizes the last row and column are not pooled.

    Raises:
        metafed.native.library.NoCompiler: The kernels cannot be compiled here.
    """
    real = None if mask is None or scale is None else mask.to(x.dtype).contiguous()
    scale = None if scale is None else dense(scale)
    y: torch.Tensor = apply(Block, x.contiguous(), dense(weight), scale, dense(shift), real, kind)[0]
    return y


@final
class Block(torch.autograd.Function):
    """z = w ∗ x, y = pool(relu(scale (z − mean) / deviation + shift)).

    z is a result, too: what y's gradient depends on is z, and a second derivative in z reaches the weights and the
    images together with the first.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, scale: Maybe, shift: torch.Tensor, real: Maybe, kind: Kind
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute y and z."""
        z = convolve(x, weight, kind.padding)
        clients, rows, height, width, channels = z.shape
        y = z.new_empty(clients, rows, height // kind.side, width // kind.side, channels)
        where, statistics = torch.empty_like(y, dtype=torch.uint8), z.new_empty(clients, 2, channels)
        inputs = (*strided(scale), *strided(shift), at(real), kind.epsilon, kind.relu)
        sizes = (*z.shape[:4], shift.shape[1], kind.side)
        EPILOGUE.run("forward", z.dtype, *sizes, z.data_ptr(), *inputs, *map(at, (y, where, statistics)))
        ctx.save_for_backward(x, weight, scale, z, real, statistics, where)
        ctx.kind = kind
        ctx.set_materialize_grads(False)
        return y, z

    @staticmethod
    def backward(ctx: Any, *grads: Maybe) -> tuple[Maybe, ...]:
        """Compute the gradients in a function of its own, so that they can be differentiated again."""
        x, weight, scale, z, real, statistics, where = ctx.saved_tensors
        gy, more = grads
        if gy is None:
            gy = torch.zeros_like(where, dtype=z.dtype)
        constant = (real, statistics, where, ctx.kind, ctx.needs_input_grad[0])
        return *apply(Slopes, x, weight, scale, z, gy, more, *constant), None, None


@final
class Slopes(torch.autograd.Function):
    """The gradients of ``Block``, as a function of x, w, scale, z and the gradients of y and z."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        scale: Maybe,
        z: torch.Tensor,
        gy: torch.Tensor,
        more: Maybe,
        real: Maybe,
        statistics: torch.Tensor,
        where: torch.Tensor,
        kind: Kind,
        need_x: bool,
    ) -> tuple[Maybe, ...]:
        """Compute the gradients of x, w, scale and shift; ``more`` is the gradient of z that is not from y."""
        gy = gy.contiguous()
        gz, gshift = torch.empty_like(z), z.new_empty(len(z), weight.shape[1])
        gscale = None if scale is None else torch.empty_like(gshift)
        constant = (*strided(scale), at(real), statistics.data_ptr(), where.data_ptr())
        sizes = (*z.shape[:4], weight.shape[1], kind.side)
        EPILOGUE.run("backward", z.dtype, *sizes, z.data_ptr(), *constant, *map(at, (gy, gz, gscale, gshift)))
        if more is not None:
            gz += more
        gx = convolve(gz, weight, 2 - kind.padding, back=True) if need_x else None
        ctx.save_for_backward(x, weight, scale, z, gy, gz, real, statistics, where)
        ctx.kind = kind
        ctx.set_materialize_grads(False)
        return gx, weigh(x, gz, weight, kind.padding), gscale, gshift

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Maybe) -> tuple[Maybe, ...]:
        """Compute the second derivatives; there is no third."""
        x, weight, scale, z, gy, gz, real, statistics, where = ctx.saved_tensors
        ux, uw, uscale, ushift = (None if grad is None else grad.contiguous() for grad in grads)
        padding, side = ctx.kind.padding, ctx.kind.side
        # the derivative in gz
        u = None if ux is None else convolve(ux, weight, padding)
        if uw is not None:
            u = convolve(x, uw, padding, onto=u)
        if u is None:
            u = torch.zeros_like(z)
        ggy = torch.empty_like(gy)
        # without a norm gz depends on gy alone
        dz, dscale = (None, None) if scale is None else (torch.empty_like(z), z.new_empty(scale.shape))
        constant = (*strided(scale), at(real), statistics.data_ptr(), where.data_ptr())
        results = (gy, u, uscale, ushift, ggy, dz, dscale)
        EPILOGUE.run("twice", z.dtype, *z.shape[:4], weight.shape[1], side, z.data_ptr(), *constant, *map(at, results))
        need_x, need_weight, need_more = (ctx.needs_input_grad[i] for i in (0, 1, 5))
        dx = None if uw is None or not need_x else convolve(gz, uw, 2 - padding, back=True)
        dw = None if ux is None or not need_weight else weigh(ux, gz, weight, padding)
        return dx, dw, dscale, dz, ggy, u if need_more else None, *[None] * 5


def convolve(
    x: torch.Tensor, weight: torch.Tensor, padding: int, *, back: bool = False, onto: Maybe = None
) -> torch.Tensor:
    """Return w ∗ x, ``(C, N, H', W', whole(O))``.

    Args:
        x: Images ``(C, N, H, W, whole(I))``.
        weight: ``(C, O, I, 3, 3)``.
        padding: Pixels of zeros around every image, 0, 1 or 2.
        back: Compute the adjoint of the convolution that has padding 2 − ``padding``: from O channels to I.
        onto: What to add it to, in place.
    """
    clients, rows, height, width, _ = x.shape
    _, outputs, inputs, _, _ = weight.shape
    sides = (height + 2 * padding - 2, width + 2 * padding - 2)
    z = x.new_empty(clients, rows, *sides, whole(inputs if back else outputs)) if onto is None else onto
    sizes = (clients, rows, height, width, padding, inputs, outputs)
    pointers = (x.data_ptr(), *strided(weight), back, onto is not None, z.data_ptr())
    CONVOLUTION.run("convolve", x.dtype, *sizes, *pointers)
    return z


def weigh(x: torch.Tensor, gz: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
    """Return the adjoint of w ∗ x in w, for the gradient ``gz`` of z and weights like ``weight``."""
    gw = x.new_empty(weight.shape)
    sizes = (*x.shape[:4], padding, weight.shape[2], weight.shape[1])
    CONVOLUTION.run("weigh", x.dtype, *sizes, x.data_ptr(), gz.data_ptr(), gw.data_ptr())
    return gw
