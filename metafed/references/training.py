"""The pooled model: one network trained on many clients' rows as if they were one client's."""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from metafed.algorithms.inner import gradient, leaves
from metafed.core.episodes import Batch
from metafed.core.parameters import Params, spread
from metafed.core.streams import stream
from metafed.tasks.task import Task
from metafed.training.optimizers import moments
from metafed.training.optimizers import step as optimizer_step
from metafed.training.settings import ClientTraining

RATES = (0.001, 0.003, 0.01, 0.03)
"""Rates of Adam that are tried."""
ROWS = 128
"""Rows of a step at most."""
EVERY, MOST, PATIENCE = 50, 2000, 5
"""Steps after which the loss of the rows to choose by is looked at; steps at most; looks without a better one."""


class Fit(NamedTuple):
    """A pooled model: its parameters ``(1, …)``, and the rate and the number of steps that were chosen."""

    params: Params
    rate: float
    steps: int


def fitted(task: Task, start: Params, rows: Batch, held: Batch, everyone: Batch, seed: int) -> Fit:
    """Choose rate and steps of Adam by the loss of ``held``, then train on ``everyone`` with them.

    Raises:
        ValueError: No rate has a finite loss.
    """
    best, rate, steps = float("inf"), RATES[0], 0
    for each in RATES:
        since = 0
        for number, params in enumerate(trained(task, start, rows, each, MOST, seed)):
            if number % EVERY or number == 0:
                continue
            with torch.no_grad():
                loss = float(task.loss(task.predict(params, held.x, held.mask), held)[0])
            since += 1
            if loss < best:
                best, rate, steps, since = loss, each, number, 0
            if since >= PATIENCE:
                break
    if not steps:
        raise ValueError("its loss is not finite at any rate")
    *_, params = trained(task, start, everyone, rate, steps, seed)
    return Fit(params, rate, steps)


def trained(task: Task, start: Params, rows: Batch, rate: float, steps: int, seed: int) -> Iterator[Params]:
    """Yield the parameters ``(1, …)`` after 0 … ``steps`` steps of Adam on minibatches of ``rows (1, N, …)``."""
    settings = ClientTraining(optimizer="adam", steps=1)
    phi: Params = leaves(spread(start, 1))
    own = moments(settings, phi)
    yield phi
    for chosen in minibatches(int(rows.mask.shape[1]), steps, seed):
        batch = Batch(*(part[:, chosen] for part in rows))
        slopes = gradient(task, phi, batch, phi)
        with torch.no_grad():
            moved, own = optimizer_step(settings, rate, phi, slopes, own)
        phi = leaves(moved)
        yield phi


def minibatches(count: int, steps: int, seed: int) -> "Iterator[torch.Tensor]":
    """Yield the row numbers of ``steps`` minibatches: every row once an epoch, in an order of its own."""
    size, epoch, done = min(ROWS, count), 0, 0
    while done < steps:
        order = stream(seed, "references/pooled", epoch).permutation(count)
        for first in range(0, count - size + 1, size):
            if done == steps:
                return
            yield torch.from_numpy(order[first : first + size])
            done += 1
        epoch += 1
