"""pFedMe: T. Dinh, Tran, Nguyen, NeurIPS 2020, arXiv 2006.08848, Algorithm 1.

The personal model is the proximal point φ(w) = argmin L(φ) + ½ λ ‖φ − w‖², and λ (w − φ(w)) is the
gradient of the Moreau envelope of L at w. A client descends on the envelope: R times, φ by K steps
φ ← φ − α (∇L(φ) + λ (φ − w)), then w ← w − η λ (w − φ), from w = θ. It sends w_k, the server takes
θ ← (1 − β) θ + β mean w_k: the direction is θ − w_k, and β is the outer learning rate.

Ours: by default full-batch steps on support and query rows, and no weight decay (the authors' code has μ = 0.001, the
paper none). For the embedded families λ = 2, R = 5 and η = 0.2 where theirs are 15, 20 and 0.005: under
λ = 15 five steps hardly adapt. φ begins at θ and goes on from one step of w to the next, as in the authors' code. A
client keeps no state: evaluation takes K proximal steps from θ on the support set, where the authors evaluate the φ
that a client kept from training.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, final

import tyro
from pydantic import Field, model_validator

from metafed.algorithms.base import MOST_STEPS, Range, Table
from metafed.algorithms.inner import descend, stepping
from metafed.algorithms.local_training import LocalTraining, Proximal, detached
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Task
from metafed.training.batches import Plan
from metafed.training.loop import State, run
from metafed.training.optimizers import moments


@final
class Pfedme(Proximal, LocalTraining):
    """Personal models as proximal points of θ, θ by descent on the Moreau envelopes."""

    name: Annotated[Literal["pfedme"], tyro.conf.Suppress] = "pfedme"
    title: ClassVar[str] = "pFedMe"
    lam: float = Field(2.0, gt=0, allow_inf_nan=False, description="Strength λ of the pull towards θ.")
    local_rounds: int = Field(5, ge=1, le=MOST_STEPS, description="Steps R of w in a round.")
    local_lr: float = Field(0.2, gt=0, allow_inf_nan=False, description="Rate η of w's steps.")

    pulls: ClassVar[str] = "lam"
    searched: ClassVar[Mapping[str, Range]] = {**LocalTraining.searched, "lam": Range(0.3, 3.0)}

    @model_validator(mode="after")
    def _stays_short_of_phi(self) -> Self:
        if self.local_lr * self.lam > 1:
            raise ValueError(
                f"--algorithm.local-lr {self.local_lr:g} times --algorithm.lam {self.lam:g} is"
                f" {self.local_lr * self.lam:g}, so that w overshoots φ; choose --algorithm.local-lr of at most"
                f" {1 / self.lam:g}"
            )
        return self

    replaced: ClassVar[Mapping[str, tuple[str, ...]]] = {"epochs": ("local_rounds",)}

    def uses(self, table: Table) -> frozenset[str]:
        """Of local training what its own two rates and numbers of steps leave open."""
        if table == "local":
            return frozenset({"epochs", "batch_size", "weight_decay", "clip", "rows"})
        return super().uses(table)

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return w_k: R steps towards φ, which goes on from where it was."""
        if plan is not None:
            return self._by_batches(task, detached(start), rows, plan)
        w: Params = detached(start)
        phi = w
        for _ in range(self.local_rounds):
            *_, phi = descend(task, phi, rows, self.rates(phi, self.inner_steps), pull=self.pull(w))
            w = self._towards(w, phi)
        return w

    def _towards(self, w: Params, phi: Params) -> Params:
        return {n: (w[n] - self.local_lr * self.lam * (w[n] - phi[n])).detach() for n in w}

    def _by_batches(self, task: Task, w: Params, rows: Batch, plan: Plan) -> Params:
        """Return w_k: for each batch K steps of φ on it, and one of w towards φ, as in the authors' code."""
        descent = stepping(task, plan.settings, self.inner_lr, list(w), self.lam)

        def advance(state: State, batch: Batch, factor: float) -> State:
            now = state
            for _ in range(self.inner_steps):
                now = {**now, **descent(now, batch, factor)}
            return {"phi": now["phi"], "anchor": self._towards(state["anchor"], now["phi"])}

        state = {"phi": w, "anchor": w, **moments(plan.settings, w)._asdict()}
        *_, last = run(state, rows, plan, plan.settings.length(self.local_rounds), advance)
        return last["anchor"]
