"""Local training: no federation, the yardstick of McMahan et al. and all who personalise.

A client keeps a model v_k of its own, initially θ, and trains it in every round that samples it:
v ← v − α ∇L(v), K full-batch steps on support and query rows. It says nothing to the server: no
direction, weight 0. In evaluation v_k is adapted by K steps on the support set; an unseen client
starts from the initial θ.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro

from metafed.algorithms.base import Outer, Update
from metafed.algorithms.inner import Descent, descend, everywhere
from metafed.algorithms.local_training import all_rows, detached, moved
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.tasks.task import Task


@final
class Local(Descent):
    """Every client by itself."""

    name: Annotated[Literal["local"], tyro.conf.Suppress] = "local"

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    judged: ClassVar[bool] = False
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "none"

    def trap(self, steps: int) -> str | None:
        """None."""
        return None

    def shared(self, theta: Params) -> Params:
        """θ, which stays as it was."""
        return theta

    def personal(self, theta: Params) -> Params:
        """A whole model."""
        return theta

    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield v_k, then v_k after each step."""
        return descend(task, state, support, [everywhere(state, self.inner_lr)] * steps)

    def update(self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int) -> Update:
        """Return the clients' new models, and nothing for the server."""
        rows = all_rows(episode)
        *_, trained = descend(task, state, rows, [everywhere(state, self.inner_lr)] * self.inner_steps)
        silent = torch.zeros_like(rows.mask[:, 0])
        update = moved(task, state, trained, episode.query, silent)
        return update._replace(directions={}, state=detached(trained))
