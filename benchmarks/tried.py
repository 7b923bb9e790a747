"""Other ways to compute a module's meta-gradients, tried beside the one that is used: see ``benchmarks.modules``."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.func import grad, vmap

from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


def flat(task: Task, theta: Params, episode: Episode, steps: int, rate: float) -> "dict[str, torch.Tensor]":
    """Return the meta-gradients ``(C, …)`` with one vector of parameters a client, which the network sees in pieces."""
    clients, sizes = len(episode.support.mask), [value.numel() for value in theta.values()]

    def losses(vector: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        pieces = zip(theta.items(), vector.split(sizes, 1), strict=True)
        params = {name: piece.view(clients, *value.shape) for (name, value), piece in pieces}
        return task.loss(task.predict(params, batch.x, batch.mask), batch).sum()

    start = torch.cat([value.flatten() for value in theta.values()]).repeat(clients, 1).requires_grad_()
    phi = start
    for _ in range(steps):
        (slope,) = torch.autograd.grad(losses(phi, episode.support), phi, create_graph=True)
        phi = torch.add(phi, slope, alpha=-rate)
    (found,) = torch.autograd.grad(losses(phi, episode.query), start)
    pieces = zip(theta.items(), found.split(sizes, 1), strict=True)
    return {name: piece.unflatten(1, value.shape) for (name, value), piece in pieces}


def functional(task: Any, theta: Params, episode: Episode, steps: int, rate: float) -> "dict[str, torch.Tensor]":
    """Return the meta-gradients of a classifier by ``torch.func.grad`` of a whole episode, under one vmap."""

    def loss(own: Mapping[str, torch.Tensor], x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.cross_entropy(task.model.one(own, x), y)

    def whole(own: Mapping[str, torch.Tensor], *rows: "torch.Tensor") -> "torch.Tensor":
        x, y, *query = rows
        for _ in range(steps):
            slopes = grad(loss)(own, x, y)
            own = {name: torch.add(value, slopes[name], alpha=-rate) for name, value in own.items()}
        return loss(own, *query)

    clients = len(episode.support.mask)
    start = {name: value.expand(clients, *value.shape) for name, value in theta.items()}
    found = vmap(grad(whole))(start, *episode.support[:2], *episode.query[:2])
    return dict(found)
