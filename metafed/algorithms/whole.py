"""Whole episodes of MAML on a multilayer perceptron, by the kernels of ``metafed/native/episode.cpp``.

A client's inner steps, its query loss and its meta-gradient are computed in one go, so that its parameters stay in
the processor's inner cache; the general path (``metafed.algorithms.inner`` on autograd) goes through memory for
every operation. The two agree to rounding, which tests hold to 1e-12 in float64.

Import it only where it is used: torch is needed at once.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch

from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Layout, Params
from metafed.models import Mlp
from metafed.native.library import library
from metafed.tasks.task import Task

LOSSES: Final = {"classification": 0, "regression": 1}

SIZE, POINTER = ctypes.c_long, ctypes.c_void_p
ROWS: Final[list[Any]] = [SIZE, *[POINTER] * 4]
SIGNATURE: Final[list[Any]] = [
    *[SIZE, SIZE, POINTER, POINTER, POINTER, SIZE],
    *[ctypes.c_int] * 3,
    *[SIZE, POINTER, POINTER],
    *ROWS * 2,
    *[POINTER] * 3,
]


class Result(NamedTuple):
    """What ``C`` clients' episodes give.

    Attributes:
        directions: Outer directions ``(C, …)`` by name; those of one part lie side by side in memory.
        losses: Query losses ``(C,)``.
        output: Query outputs ``(C, N, outputs)``; 0 in padded rows.
    """

    directions: dict[str, torch.Tensor]
    losses: torch.Tensor
    output: torch.Tensor


def fits(task: Task, theta: Params) -> bool:
    """Say whether the kernels can do the task: an ``Mlp`` with ``kernels = "native"``, float32 or float64, on a CPU."""
    model, tensor = task.model, next(iter(theta.values()))
    return (
        isinstance(model, Mlp)
        and model.kernels == "native"
        and task.kind in LOSSES
        and tensor.device.type == "cpu"
        and set(theta) == set(model.shapes)
    )


def episodes(task: Task, theta: Params, episode: Episode, rates: Sequence[float], second_order: bool) -> Result:
    """Run every client's episode from θ.

    Args:
        task: A task that ``fits``.
        theta: θ's parameters for the task, no client axis.
        episode: The clients' rows.
        rates: The inner learning rate of each step.
        second_order: The exact meta-gradient ∇_θ L(φ_K(θ); Q), or the first-order one ∇L(φ_K; Q).

    Raises:
        metafed.native.library.NoCompiler: The kernels cannot be compiled here.
    """
    model = task.model
    assert isinstance(model, Mlp), "the caller has asked whether the task fits"
    own = Layout({name: tuple(theta[name].shape) for name in theta})
    flat = torch.cat(list(own.flatten(theta, own.parts).values()))
    at, first = {}, 0
    for name in (name for part in own.parts.values() for name in part):
        at[name] = first
        first += theta[name].numel()
    layers = [*model.layers, model.head]
    widths = [model.features, *(outputs for _, _, outputs in layers)]
    clients, (_, query_rows) = len(episode.support.mask), episode.query.mask.shape
    directions, losses = flat.new_empty(clients, len(flat)), flat.new_empty(clients)
    output = flat.new_empty(clients, query_rows, model.outputs)
    steps = flat.new_tensor(rates)
    support, query = ([t.contiguous() for t in batch] for batch in episode)
    kernel = library("episode")[f"episodes_{str(flat.dtype).removeprefix('torch.')}"]
    kernel.argtypes, kernel.restype = SIGNATURE, None
    kernel(
        *(clients, len(layers), _longs(widths)),
        _longs([at[f"{name}.weight"] for name, _, _ in layers]),
        _longs([at[f"{name}.bias"] for name, _, _ in layers]),
        *(len(flat), model.activation == "tanh", LOSSES[task.kind], second_order),
        *(len(rates), steps.data_ptr(), flat.data_ptr()),
        *(*_rows(task, support), *_rows(task, query)),
        *(directions.data_ptr(), losses.data_ptr(), output.data_ptr()),
    )
    named = {
        name: directions[:, first : first + theta[name].numel()].unflatten(1, theta[name].shape)
        for name, first in at.items()
    }
    return Result(named, losses, output)


def _longs(values: Sequence[int]) -> Any:
    return (ctypes.c_long * len(values))(*values)


def _rows(task: Task, batch: Sequence[torch.Tensor]) -> tuple[int | None, ...]:
    """Return a batch as the kernel takes it: rows, x, labels or targets, mask."""
    x, y, mask = Batch(*batch)
    labels, targets = (y.data_ptr(), None) if task.kind == "classification" else (None, y.data_ptr())
    return x.shape[1], x.data_ptr(), labels, targets, mask.data_ptr()
