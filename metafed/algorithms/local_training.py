"""What the methods share that train a client's model on all of its rows and send what it became."""

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar, Self, final

import torch
from pydantic import model_validator

from metafed.algorithms.base import Outer, Table, Update, hook
from metafed.algorithms.inner import Descent, Pull
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.models import is_head
from metafed.tasks.task import Task
from metafed.training.batches import Dealt, Plan
from metafed.training.settings import ClientTraining, FineTuning


class LocalTraining(Descent, ABC):
    """FedAvg, and what its hooks and ``Descent``'s make of it: what is private, how a client trains, who counts."""

    outer: ClassVar[Outer] = Outer("sgd", 1.0)
    weighable_losses: ClassVar[bool] = False
    replaced: ClassVar[Mapping[str, tuple[str, ...]]] = {"epochs": ("inner_steps",), "steps": ("inner_steps",)}

    @final
    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's θ − w_k, of what is shared, and its new state.

        The clients are evaluated before they trained: the query set is among the rows that they train on.
        """
        rows, start = all_rows(episode), spread(theta, len(episode.support.mask))
        whole = self.begin(task, start, state, episode.support)
        trained, query = self.trained(task, whole, rows, plan), episode.query
        with torch.no_grad():
            output = self.predictor(task).predict(self.composed(whole), query.x, query.mask)
            losses = task.loss(output, query)
            directions = self.sent(whole, trained)
        kept = detached(self.kept(task, start, state, rows, trained, plan))
        return Update(directions, losses, output, self.weights(rows), kept, 0)

    @hook
    def uses(self, table: Table) -> frozenset[str]:
        """All, but where it has rates of its own at every step."""
        plain = type(self).rates is Descent.rates
        return frozenset((ClientTraining if table == "local" else FineTuning).model_fields) if plain else frozenset()

    @hook
    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return what the model that begins as ``start`` became: after K steps on the rows, or as the plan says."""
        *_, last = self.trains(task, start, rows, self.inner_steps, plan, pull=self.pull(start))
        return last

    @hook
    def sent(self, start: Params, trained: Params) -> Params:
        """Return the direction of each parameter that the client sends: from what it became to what it was."""
        return {name: start[name] - trained[name] for name in start if not self.private(name)}

    @hook
    def kept(self, task: Task, start: Params, state: Params, rows: Batch, trained: Params, plan: Plan | None) -> Params:
        """Return the client's new state: what is private of the model that it trained."""
        return self.own(trained)

    @final
    def taken(self, rows: Batch, plan: Plan | None) -> "torch.Tensor":
        """Return how many steps each client takes ``(C,)``: K, or as many as the plan's epochs have batches."""
        if plan is None:
            return torch.full_like(rows.mask[:, 0], self.inner_steps)
        steps = Dealt(rows, plan).steps(plan.settings.length(self.inner_steps))
        return torch.from_numpy(steps).to(rows.mask)

    @final
    def weights(self, rows: Batch) -> "torch.Tensor":
        """Return what each client counts ``(C,)``: 1, its rows or 0, as ``weighs`` says."""
        if self.weighs == "rows":
            return (rows.mask > 0).sum(1).to(rows.mask.dtype)
        return torch.full_like(rows.mask[:, 0], float(self.weighs == "alike"))


class Proximal(Descent, ABC):
    """A method with a proximal term: ½ λ ‖φ − θ‖²."""

    pulls: ClassVar[str]
    """The setting that is the strength λ."""

    @property
    def strength(self) -> float:
        """λ."""
        return float(getattr(self, self.pulls))

    @hook
    def pull(self, anchor: Params) -> Pull | None:
        """Return the pull towards ``anchor``."""
        return Pull(anchor, self.strength)

    @model_validator(mode="after")
    def _converges(self) -> Self:
        """Refuse a proximal term that makes every gradient step overshoot its anchor further.

        α λ is 2 or more, so that |1 − α λ| is 1 or more.
        """
        rate, strength = self.inner_lr, self.strength
        if rate * strength >= 2:
            raise ValueError(
                f"--algorithm.{self.pulls} {strength:g} times --inner-lr {rate:g} is {rate * strength:g}, and gradient"
                f" steps diverge from 2 on; choose --inner-lr below {2 / strength:g}"
            )
        return self


def all_rows(episode: Episode) -> Batch:
    """Return support and query rows as one batch ``(C, N_S + N_Q, …)``, for one full-batch epoch a step."""
    support, query = episode
    return Batch(*(torch.cat(pair, dim=1) for pair in zip(support, query, strict=True)))


def body(params: Params) -> "dict[str, torch.Tensor]":
    """Return the parameters below the head."""
    return {name: value for name, value in params.items() if not is_head(name)}


def detached(params: Params) -> "dict[str, torch.Tensor]":
    """Return ``params`` cut off from any graph, as a state to keep."""
    return {name: value.detach() for name, value in params.items()}
