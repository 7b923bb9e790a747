"""Training written out as in a PyTorch tutorial, a client at a time: the same orders of rows, otherwise independent."""

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, TensorDataset

from metafed.core.draws import Numbers
from metafed.core.episodes import Batch, Episode
from metafed.core.streams import stream
from metafed.training.batches import Plan
from tests.metafed.models.problems import network, tensor

SEED, ROUND = 3, 2


def plan(settings, clients, server_round=ROUND):
    """Return the plan of clients with these numbers."""
    return Plan.of(settings, SEED, server_round, list(clients))


def clients_of(sizes, kind="classification"):
    """Return a task, θ and an episode of clients with so many rows; a client of one row has it in its support."""
    task, theta, _ = network(kind)
    rng, clients = stream(0, "sizes"), len(sizes)

    def batch(counts):
        length = max(counts)
        mask = (torch.arange(length) < torch.tensor(counts)[:, None]).double()
        x = tensor(rng, clients, length, 5) * mask.unsqueeze(-1)
        if kind == "classification":
            return Batch(x, torch.from_numpy(rng.integers(0, 3, (clients, length))), mask)
        return Batch(x, tensor(rng, clients, length, 3), mask)

    support = [max(1, min(10, size // 2)) for size in sizes]
    return task, theta, Episode(batch(support), batch([n - s for n, s in zip(sizes, support, strict=True)]))


def rows_of(episode, client):
    """Return the rows of one client, support first."""
    return [
        torch.cat([getattr(batch, field)[client][batch.mask[client] == 1] for batch in episode]) for field in ("x", "y")
    ]


def order(number, rows, epoch, start=0, name="batches", server_round=ROUND):
    """Return the order of a client's rows in an epoch, from the address of its random numbers."""
    index = np.arange(rows, dtype=np.uint64) + np.uint64(((start << 20) + epoch) << 32)
    chance = Numbers(SEED, name, server_round, [number])(np.zeros(rows, np.int64), index)
    return np.argsort(chance >> np.uint64(1), kind="stable").tolist()


def loader(x, y, rows, size):
    """Return the batches of an epoch, as a DataLoader makes them."""
    data = TensorDataset(x, y)
    return DataLoader(data, batch_sampler=BatchSampler(rows, size, drop_last=False))


def loss_of(task, model, x, y):
    """Return the mean loss of rows, by PyTorch's own functions."""
    output = task.predict({n: t.unsqueeze(0) for n, t in model.items()}, x.unsqueeze(0))[0]
    if task.kind == "classification":
        return torch.nn.functional.cross_entropy(output, y)
    return torch.nn.functional.mse_loss(output, y)


def optimizer_of(settings, params, rate):
    """Return the optimizer of PyTorch that settings name."""
    decay, momentum = settings.weight_decay, 0.9 if settings.momentum is None else settings.momentum
    if settings.optimizer == "adam":
        return torch.optim.Adam(params, rate, (momentum, 0.999), weight_decay=decay)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(params, rate, (momentum, 0.999), weight_decay=decay)
    moving = settings.optimizer in ("momentum", "nesterov")
    return torch.optim.SGD(
        params,
        rate,
        momentum=momentum if moving else 0.0,
        nesterov=settings.optimizer == "nesterov",
        weight_decay=decay,
    )


def scheduler_of(settings, optimizer, number):
    """Return the schedule of PyTorch that settings name."""
    if settings.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, number)
    if settings.schedule == "step":
        return torch.optim.lr_scheduler.StepLR(optimizer, settings.decay_every, settings.decay or 0.1)
    return torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)


def trained(
    task,
    theta,
    rows,
    settings,
    number,
    rate,
    *,
    start=0,
    anchor=None,
    strength=0.0,
    moving=lambda name: True,
    name="batches",
):
    """Train one client's model in epochs of minibatches, and return its parameters after each epoch, the start first.

    Args:
        task: Whose network it is.
        theta: Where it starts.
        rows: Its x and y.
        settings: Of local training.
        number: The client's.
        rate: α.
        start: How often it started before in this round.
        anchor: What the loss has ½ ``strength`` ‖w − anchor‖² for.
        strength: See ``anchor``.
        moving: Which parameters are trained.
        name: Of the stream.
    """
    x, y = rows
    model = {n: t.detach().clone().requires_grad_(moving(n)) for n, t in theta.items()}
    params = [t for t in model.values() if t.requires_grad]
    optimizer = optimizer_of(settings, params, rate)
    scheduler = scheduler_of(settings, optimizer, settings.epochs)
    path = [{n: t.detach().clone() for n, t in model.items()}]
    for epoch in range(settings.epochs):
        for own_x, own_y in loader(x, y, order(number, len(x), epoch, start, name), settings.batch_size or len(x)):
            optimizer.zero_grad()
            loss = loss_of(task, model, own_x, own_y)
            if anchor is not None:
                loss = loss + strength / 2 * sum((t - anchor[n]).square().sum() for n, t in model.items())
            loss.backward()
            if settings.clip is not None:
                torch.nn.utils.clip_grad_norm_(params, settings.clip)
            optimizer.step()
        scheduler.step()
        path.append({n: t.detach().clone() for n, t in model.items()})
    return path
