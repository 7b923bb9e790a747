"""What the methods share that train a client's model on all of its rows and send what it became."""

import torch

from metafed.algorithms.base import Update
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.models import is_head
from metafed.tasks.task import Task


def all_rows(episode: Episode) -> Batch:
    """Return support and query rows as one batch ``(C, N_S + N_Q, …)``, for one full-batch epoch a step."""
    support, query = episode
    return Batch(*(torch.cat(pair, dim=1) for pair in zip(support, query, strict=True)))


def moved(task: Task, before: Params, after: Params, query: Batch, weights: "torch.Tensor") -> Update:
    """Return the update with direction ``before − after``: a server with rate 1 takes the mean of ``after``.

    The clients are judged before they trained: the query set is among the rows that they train on.
    """
    with torch.no_grad():
        output = task.predict(before, query.x, query.mask)
        losses = task.loss(output, query)
        directions = {name: before[name] - after[name] for name in before}
    return Update(directions, losses, output, weights, {}, 0)


def body(params: Params) -> "dict[str, torch.Tensor]":
    """Return the parameters below the head."""
    return {name: value for name, value in params.items() if not is_head(name)}


def head(params: Params) -> "dict[str, torch.Tensor]":
    """Return the parameters of the head."""
    return {name: value for name, value in params.items() if is_head(name)}


def detached(params: Params) -> "dict[str, torch.Tensor]":
    """Return ``params`` cut off from any graph, as a state to keep."""
    return {name: value.detach() for name, value in params.items()}


def check_pull(inner_lr: float, strength: float, flag: str) -> None:
    """Refuse a proximal term that makes every gradient step overshoot its anchor further.

    Raises:
        ValueError: α λ is 2 or more, so that |1 − α λ| is 1 or more.
    """
    if inner_lr * strength >= 2:
        raise ValueError(
            f"{flag} {strength:g} times --inner-lr {inner_lr:g} is {inner_lr * strength:g}, and gradient steps"
            f" diverge from 2 on; choose --inner-lr below {2 / strength:g}"
        )
