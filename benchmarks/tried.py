"""Other ways to compute a module's meta-gradients, tried beside the one that is used: see ``benchmarks.modules``."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.func import grad, jvp, vmap

from metafed.algorithms import Maml
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.tasks.task import Task

Found = dict[str, torch.Tensor]
"""Meta-gradients ``(C, …)`` by name."""


def flat(task: Task, theta: Params, episode: Episode, steps: int, rate: float) -> Found:
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


def functional(task: Any, theta: Params, episode: Episode, steps: int, rate: float, shared: bool = False) -> Found:
    """Return the meta-gradients of a classifier by ``torch.func.grad`` of a whole episode, under one vmap.

    ``shared``: θ has no client axis, so that the first step's products with it are one of all clients' rows.
    """

    def loss(own: Mapping[str, torch.Tensor], x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.cross_entropy(task.model.one(own, x), y)

    def whole(own: Mapping[str, torch.Tensor], *rows: "torch.Tensor") -> "torch.Tensor":
        x, y, *query = rows
        for _ in range(steps):
            slopes = grad(loss)(own, x, y)
            own = {name: torch.add(value, slopes[name], alpha=-rate) for name, value in own.items()}
        return loss(own, *query)

    rows = *episode.support[:2], *episode.query[:2]
    if shared:
        return dict(vmap(grad(whole), (None, *[0] * len(rows)))(theta, *rows))
    start = {name: value.expand(len(rows[0]), *value.shape) for name, value in theta.items()}
    return dict(vmap(grad(whole))(start, *rows))


def by_hand(task: Any, theta: Params, episode: Episode, steps: int, rate: float) -> Found:
    """Return the meta-gradients by hand: λ ← λ − α H(φ_k) λ, on the way back along the path of the inner steps.

    The product with the second derivative H is forward over reverse: a directional derivative of the gradient.
    """

    def loss(own: Params, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.cross_entropy(task.model.one(own, x), y)

    def bend(own: Params, way: Params, x: "torch.Tensor", y: "torch.Tensor") -> Any:
        return jvp(lambda at: grad(loss)(at, x, y), (own,), (way,))[1]

    slopes, bends = vmap(grad(loss)), vmap(bend)
    phi, path = dict(spread(theta, len(episode.support.mask))), []
    for _ in range(steps):
        path.append(phi)
        slope = slopes(phi, *episode.support[:2])
        phi = {name: torch.add(value, slope[name], alpha=-rate) for name, value in phi.items()}
    found: Found = slopes(phi, *episode.query[:2])
    for phi in reversed(path):
        bent = bends(phi, found, *episode.support[:2])
        found = {name: torch.add(value, bent[name], alpha=-rate) for name, value in found.items()}
    return found


def compiled(task: Task, theta: Params, episode: Episode, steps: int, rate: float) -> Callable[[Episode], Found]:
    """Return the whole meta-gradient as one graph of ``make_fx``, compiled by Inductor for episodes of this shape.

    Compiling takes minutes. Inductor keeps its C++ in ``TORCHINDUCTOR_CACHE_DIR``.
    """
    # here, since they take seconds to import
    import torch._inductor
    from torch.fx.experimental.proxy_tensor import make_fx

    exact, names, length = Maml(inner_steps=steps, inner_lr=rate), list(theta), len(episode.support)

    def whole(*given: "torch.Tensor") -> "list[torch.Tensor]":
        own, rows = dict(zip(names, given, strict=False)), given[len(names) :]
        asked = Episode(Batch(*rows[:length]), Batch(*rows[length:]))
        found = exact.update(task, own, {}, asked, 1).directions
        return [found[name] for name in names]

    given = [*(value.detach() for value in theta.values()), *episode.support, *episode.query]
    graph = make_fx(whole)(*given)
    for node in graph.graph.nodes:
        node.meta.clear()
    program = torch._inductor.compile(graph, [*given])
    return lambda asked: dict(zip(names, program(*given[: len(names)], *asked.support, *asked.query), strict=True))
