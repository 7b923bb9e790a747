"""A federation written out for tests: one client's gradients by PyTorch alone, and a server of a few lines."""

import torch

from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import part_of

CLIENTS = 3


def rows_of(episode, client):
    """Return one client's own rows, unpadded: support and query together."""
    return tuple(
        torch.cat([getattr(batch, field)[client][batch.mask[client] == 1] for batch in episode]) for field in ("x", "y")
    )


def loss_of(task, params, x, y):
    """Return one client's loss, by PyTorch's own functions."""
    output = task.model.predict({n: t.unsqueeze(0) for n, t in params.items()}, x.unsqueeze(0))[0]
    if task.kind == "classification":
        return torch.nn.functional.cross_entropy(output, y)
    return torch.nn.functional.mse_loss(output, y)


def slopes(task, params, x, y):
    """Return ∇L of one client's parameters, by name."""
    model = {n: t.detach().clone().requires_grad_() for n, t in params.items()}
    loss_of(task, model, x, y).backward()
    return {n: t.grad for n, t in model.items()}


def server_step(algorithm, theta, update, kept, share):
    """Return θ and what the server keeps, after the mean of an update and an outer step of rate 1."""
    weights = update.weights / update.weights.sum()
    mean = {
        n: torch.einsum("c,c...->...", weights, update.directions.get(n, torch.zeros(len(weights), *t.shape).to(t)))
        for n, t in theta.items()
    }
    moved, kept = dict(theta), dict(kept)
    for part in dict.fromkeys(map(part_of, theta)):
        own = [{n: v for n, v in params.items() if part_of(n) == part} for params in (theta, mean)]
        directions, kept[part] = algorithm.outer_directions(*own, share, kept.get(part, {}))
        moved |= {n: theta[n] - d for n, d in directions.items()}
    return moved, kept


def rounds(algorithm, task, theta, episode, asked):
    """Run rounds of the algorithm; return θ and the clients' states after each.

    Args:
        algorithm: Whose.
        task: The clients' task.
        theta: The network's initial parameters.
        episode: The clients' rows, the same in every round.
        asked: The clients of each round.
    """
    held, kept = dict(algorithm.shared(theta)), {}
    states = {k: {n: v.unsqueeze(0).clone() for n, v in algorithm.personal(theta).items()} for k in range(CLIENTS)}
    found = []
    for number, cohort in enumerate(asked, 1):
        chunk = Episode(*(Batch(*(field[cohort] for field in batch)) for batch in episode))
        state = {n: torch.cat([states[k][n] for k in cohort]) for n in states[0]}
        update = algorithm.update(task, held, state, chunk, number)
        for place, k in enumerate(cohort):
            states[k] = {n: v[place : place + 1] for n, v in update.state.items()}
        held, kept = server_step(algorithm, held, update, kept, float(update.weights.sum()) / CLIENTS)
        found.append((held, {k: {n: v[0] for n, v in state.items()} for k, state in states.items()}))
    return found
