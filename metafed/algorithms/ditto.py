"""Ditto: Li, Hu, Beirami, Smith, "Ditto", ICML 2021, arXiv 2012.04221, Algorithm 1.

θ is trained as in FedAvg. Besides, a client keeps a model v_k of its own that is pulled to the θ of the
round: v ← v − α (∇L(v) + λ (v − θ)), K times. With λ = 0 it is local training, with a large λ it is θ.
A client sends θ − w_k only; the server's mean is uniform.

Ours: by default full-batch steps on support and query rows, as in ``fedavg``, with K and α the same for w and v.
Step 0 of evaluation is θ, what Ditto would be without personalization; steps 1 … are proximal steps of
v_k on the support set, from θ where a client has no v_k yet.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, final

import tyro
from pydantic import Field

from metafed.algorithms.base import Range
from metafed.algorithms.local_training import LocalTraining, Proximal
from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.tasks.task import Task
from metafed.training.batches import Plan


@final
class Ditto(Proximal, LocalTraining):
    """FedAvg, and a model of one's own near it."""

    name: Annotated[Literal["ditto"], tyro.conf.Suppress] = "ditto"
    title: ClassVar[str] = "Ditto"
    lam: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength λ of the pull towards θ.")

    pulls: ClassVar[str] = "lam"
    searched: ClassVar[Mapping[str, Range]] = {**LocalTraining.searched, "lam": Range(0.03, 3.0)}

    def personal(self, theta: Params) -> Params:
        """A whole model v_k, at first θ."""
        return theta

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield θ, then v_k after each proximal step."""
        path = self.trains(task, state, support, steps, plan, pull=self.pull(start))
        next(path)  # v_k itself is not among the answers
        yield start
        yield from path

    def trained(self, task: Task, start: Params, rows: Batch, plan: Plan | None) -> Params:
        """Return FedAvg's w_k: nothing pulls that."""
        *_, last = self.trains(task, start, rows, self.inner_steps, plan)
        return last

    def kept(self, task: Task, start: Params, state: Params, rows: Batch, trained: Params, plan: Plan | None) -> Params:
        """Return v_k after K proximal steps, or as many epochs or steps as w_k took, on batches of its own."""
        again = None if plan is None else plan.again
        *_, last = self.trains(task, state, rows, self.inner_steps, again, pull=self.pull(start))
        return last
