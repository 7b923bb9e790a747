"""An episode's exact meta-gradient in JAX, compiled by XLA: ``mlp``, and ``conv-4`` with batch norm.

The networks are written anew in JAX, for the same parameters and rows.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch

from benchmarks.contenders import Central
from benchmarks.frameworks import Round, Theta
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import part_of
from metafed.models.conv4 import BLOCKS, Conv4
from metafed.models.convolution import EPSILON
from metafed.models.mlp import Mlp
from metafed.tasks.task import Task
from simulation.cli.errors import BadInput

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip

Arrays = Mapping[str, Any]
Rows = tuple[Any, Any, Any]
"""Inputs, targets and mask of a client."""
Gradient = Callable[[Arrays, Rows, Rows], Arrays]


def on_one_thread() -> None:
    """Have XLA compute on one thread, as the other contenders do: it starts as many as there are processors.

    Its flag for one thread makes convolutions many times slower; the processors that it sees at its start do not.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    jax.devices()
    os.sched_setaffinity(0, allowed)


def hidden(model: Mlp, params: Arrays, x: Any) -> Any:
    """Return the last hidden layer of rows ``(N, features)``."""
    for name, _, _ in model.layers:
        x = x @ params[f"{name}.weight"] + params[f"{name}.bias"]
        x = jnp.tanh(x) if model.activation == "tanh" else jax.nn.relu(x)
    return x


def blocks(model: Conv4, params: Arrays, x: Any) -> Any:
    """Return the embeddings of flattened images ``(N, channels · H · W)``."""
    x = x.reshape(-1, *model.image).transpose(0, 2, 3, 1)
    for number in range(BLOCKS):
        weight = params[f"{model.part}.conv.{number}.weight"]
        scale, shift = (params[f"{model.part}.norm.{number}.{name}"] for name in ("scale", "shift"))
        x = jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=("NHWC", "OIHW", "NHWC"))
        away = x - x.mean((0, 1, 2))
        x = away * jax.lax.rsqrt((away**2).mean((0, 1, 2)) + EPSILON) * scale + shift
        # of equal pixels one has the gradient, as in PyTorch
        x = jax.nn.relu(jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"))
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


def losing(task: Task) -> Callable[[Arrays, Rows], Any]:
    """Return the loss of one client's rows.

    Raises:
        BadInput: The network is not written here.
    """
    model = task.model
    plain = isinstance(model, Conv4) and (model.norm, model.activation) == ("batch", "relu")
    if not (plain or isinstance(model, Mlp)):
        raise BadInput(f"--network {type(model).__name__}: in JAX there are mlp, and conv-4 with batch norm and relu")

    def loss(params: Arrays, rows: Rows) -> Any:
        x, y, mask = rows
        x = hidden(model, params, x) if isinstance(model, Mlp) else blocks(model, params, x)  # type: ignore[arg-type]
        output = x @ params[f"{model.head[0]}.weight"] + params[f"{model.head[0]}.bias"]
        if task.kind == "classification":
            each = -jnp.take_along_axis(jax.nn.log_softmax(output), y[:, None], 1)[:, 0]
        else:
            each = ((output - y) ** 2).mean(-1)
        return (each * mask).sum() / mask.sum()

    return loss


def meta_gradient(central: Central, family: str) -> Gradient:
    """Return a function that gives one client's exact meta-gradient at θ, of its support and query rows."""
    loss, algorithm = losing(central.tasks[family]), central.experiment.algorithm

    def after(theta: Arrays, support: Rows, query: Rows) -> Any:
        for _ in range(algorithm.inner_steps):
            slopes = jax.grad(loss)(theta, support)
            theta = {name: value - algorithm.inner_lr * slopes[name] for name, value in theta.items()}
        return loss(theta, query)

    return jax.grad(after)


def arrays(batch: Batch) -> Rows:
    """Return the rows of all clients of a batch."""
    return batch.x.numpy(), batch.y.numpy(), batch.mask.numpy()


def rounds(central: Central, summed: Callable[[str, Arrays, list[int], Episode], Arrays]) -> Round:
    """Return a round: the outer step along what ``summed`` makes of a family, θ, its clients and their episode."""

    def step(theta: Theta, clients: list[int], server_round: int) -> Theta:
        total = {name: torch.zeros_like(value) for name, value in theta.items()}
        counts: dict[str, int] = {}
        for family, members in central.population.roster.by_family(clients):
            episode = central.population.training(members, server_round).episode
            own = {n: t.numpy() for n, t in theta.items() if part_of(n) in ("trunk", family)}
            for name, value in summed(family, own, members, episode).items():
                total[name] += torch.tensor(jax.device_get(value))
            for part in {part_of(name) for name in own}:
                counts[part] = counts.get(part, 0) + len(members)
        return central.step(theta, total, counts)

    return step
