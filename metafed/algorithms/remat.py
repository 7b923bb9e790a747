"""The exact meta-gradient without the graph of the inner loop: each step's is made again on the way back.

Chen, Xu, Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv 1604.06174, with the inner steps
as the segments: φ_0 … φ_K are kept, and the graph of one step at a time. Memory for activations is that of one step in
place of K; each step is computed twice.
"""

from collections.abc import Sequence

import torch

from metafed.algorithms.base import Update
from metafed.algorithms.inner import Rates, descend, gradient, leaves, stepped
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


def rematerialized(task: Task, start: Params, episode: Episode, rates: Sequence[Rates]) -> Update:
    """Return the update whose direction is ∇L(φ_K; Q) with respect to ``start`` ``(C, …)``, through all steps.

    With λ_K = ∇L(φ_K; Q), λ_i is the product of λ_{i+1} with the derivative of step i. Learned rates, which are
    functions of ``start``, get the sum of what all steps say of them.
    """
    path = list(descend(task, start, episode.support, rates))
    end = leaves(path[-1])
    output = task.predict(end, episode.query.x, episode.query.mask)
    losses = task.loss(output, episode.query)
    found = torch.autograd.grad(losses.sum(), list(end.values()), materialize_grads=True)
    adjoint, learned = dict(zip(end, found, strict=True)), []
    for before, step in zip(reversed(path[:-1]), reversed(rates), strict=True):
        adjoint, of_rates = back(task, before, episode.support, step, adjoint)
        learned += of_rates
    if learned:
        tensors, totals = zip(*learned, strict=True)
        values = torch.autograd.grad(tensors, list(start.values()), totals, materialize_grads=True)
        adjoint = {name: adjoint[name] + value for name, value in zip(start, values, strict=True)}
    return Update(adjoint, losses.detach(), output.detach(), torch.ones_like(losses), {}, len(rates))


def back(
    task: Task, before: Params, rows: Batch, step: Rates, adjoint: "dict[str, torch.Tensor]"
) -> "tuple[dict[str, torch.Tensor], list[tuple[torch.Tensor, torch.Tensor]]]":
    """Return λ before a step from λ after it, and each learned rate with its own derivative."""
    phi = leaves(before)
    own = {name: rate.detach().requires_grad_() for name, rate in step.items() if isinstance(rate, torch.Tensor)}
    slopes = gradient(task, phi, rows, step, graph=True)
    after = [stepped(phi[name], slope, own.get(name, step[name])) for name, slope in slopes.items()]
    wanted = [*phi.values(), *own.values()]
    values = torch.autograd.grad(after, wanted, [adjoint[name] for name in slopes], materialize_grads=True)
    earlier = {
        name: value if name in slopes else value + adjoint[name] for name, value in zip(phi, values, strict=False)
    }
    learned = [(step[name], value) for name, value in zip(own, values[len(phi) :], strict=True)]
    return earlier, learned  # type: ignore[return-value]
