"""What an algorithm may know of a client's task: a network, a loss and a score, nothing of data or families."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, final

import torch

from metafed.core.episodes import Batch
from metafed.core.parameters import Params
from metafed.environments.base import Environment
from metafed.models import Network
from metafed.tasks.rollout import Trajectories, act
from metafed.tasks.surrogate import baseline, surrogate, to_go

Kind: TypeAlias = Literal["classification", "regression", "control"]
ROUNDING = 4
"""Units in the last place by which equal targets may differ: they were scaled."""


@dataclass(frozen=True)
class Task(ABC):
    """A network with the loss and the score of its kind. All results are per client, shape ``(C,)``."""

    model: Network

    kind: ClassVar[Kind]

    @abstractmethod
    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs, ``(C, N, …)``; ``mask (C, N)`` marks the rows of ``x`` that are real.

        A row's output may depend on the other rows of its batch (batch norm), so a batch's mask goes with its rows.
        """

    @abstractmethod
    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's mean loss over its rows, from what ``predict`` returned for them."""

    @abstractmethod
    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's score, at most 1; higher is better. NaN where it is undefined."""


@dataclass(frozen=True)
class Supervised(Task, ABC):
    """Rows have targets, and the outputs are the network's own."""

    @final
    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs ``(C, N, outputs)``."""
        return self.model.predict(params, x, mask)


@final
@dataclass(frozen=True)
class Classification(Supervised):
    """Cross-entropy (nats) and accuracy."""

    kind: ClassVar[Kind] = "classification"

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's mean cross-entropy."""
        rows = torch.nn.functional.cross_entropy(output.flatten(0, 1), batch.y.flatten(), reduction="none")
        return masked_mean(rows.view(batch.mask.shape), batch.mask)

    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's accuracy."""
        return masked_mean((output.argmax(-1) == batch.y).to(batch.mask.dtype), batch.mask)


@final
@dataclass(frozen=True)
class Regression(Supervised):
    """Mean squared error and skill.

    Skill is 1 − MSE / MSE of the client's constant predictor, which answers with the mean of the client's own
    query targets. That is the best constant there is, so skill is the coefficient of determination. Where the
    targets are all equal, as one target is, that constant makes no error: skill is undefined, NaN.
    """

    kind: ClassVar[Kind] = "regression"

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's mean squared error."""
        return masked_mean((output - batch.y).square().mean(-1), batch.mask)

    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's skill."""
        return 1 - self.loss(output, batch) / constant_error(batch)


@final
@dataclass(frozen=True)
class Control(Task):
    """A policy acts in the client's own world; a row is an episode, its targets are what others reach there.

    The loss is the expected cost a step, estimated by the mean over the rows' episodes. Its derivatives are those
    of ``metafed.tasks.surrogate``: the inner loop is a policy-gradient step with a baseline, and the exact
    meta-gradient through it is [I − α Ĥ_S] ĝ_Q, an estimate of the gradient of the query cost after a step
    along the *expected* gradient (Rothfuss et al. 2019, arXiv 1810.06784, formulation I). What a change of θ does to
    which support episodes are drawn enters through Ĥ_S only (their formulation II has a term for it). Where there
    are several inner steps, each replays the same random numbers under the policy that it starts from.

    Attributes:
        environment: The world.
        memory: λ of the surrogate: 0 has a Hessian of low variance and some bias, 1 an unbiased one.
    """

    environment: Environment
    memory: float = 0.0

    kind: ClassVar[Kind] = "control"

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the packed trajectories of the rows, ``(C, N, T, 3 + O)``."""
        if mask is not None:
            # zeros are no physics: padding lives the episode of the client's first row, which counts for nothing
            x = torch.where(mask.unsqueeze(-1) > 0, x, x[:, :1])
        return act(self.environment, self.model, params, x).pack()

    def loss(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return each client's mean cost a step."""
        log_prob, *rest = Trajectories.unpack(output)
        cost, running, seen = (part.detach() for part in rest)
        rows = cost.sum(-1)
        if log_prob.requires_grad:
            left = to_go(cost)
            advantage = (left - baseline(seen, running, left, batch.mask)) * running
            rows = rows + surrogate(log_prob, advantage, self.memory)
        return masked_mean(rows, batch.mask) / self.environment.horizon

    def score(self, output: "torch.Tensor", batch: Batch) -> "torch.Tensor":
        """Return where each client's cost lies between that of acting at random (0) and the expert's (1).

        Args:
            output: What ``predict`` returned.
            batch: Its ``y (C, N, 2)`` has these two costs in every row.
        """
        cost = masked_mean(Trajectories.unpack(output).cost.mean(-1), batch.mask)
        aimless, expert = batch.y[:, 0].unbind(-1)
        return (aimless - cost) / (aimless - expert)


def task_of(model: Network, kind: Kind, environment: Environment | None = None) -> Task:
    """Return the task of a kind.

    Raises:
        ValueError: ``environment`` is missing where the kind is control, or given where it is not.
    """
    if (kind == "control") != (environment is not None):
        raise ValueError(f"a {kind} task has {'no' if environment else 'an'} environment")
    if environment is not None:
        return Control(model, environment)
    return Classification(model) if kind == "classification" else Regression(model)


def masked_mean(rows: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Mean of ``rows (C, N)`` over the rows that ``mask (C, N)`` marks, ``(C,)``; padding may hold anything finite."""
    return (rows * mask).sum(1) / mask.sum(1)


def constant_error(batch: Batch) -> "torch.Tensor":
    """Mean squared error ``(C,)`` of the best constant predictor of each client's targets ``(C, N, D)``.

    NaN where a client's targets are equal up to rounding: the error would be rounding, too, and nothing to divide by.
    """
    mask = batch.mask.unsqueeze(-1)
    mean = (batch.y * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    error = masked_mean((batch.y - mean).square().mean(-1), batch.mask)
    # a row of each client that is real stands for its padding
    real = torch.where(mask > 0, batch.y, batch.y[:, :1])
    rounding = ROUNDING * torch.finfo(real.dtype).eps * real.abs().amax(1)
    equal = (real.amax(1) - real.amin(1) <= rounding).all(-1)
    return error.masked_fill(equal, torch.nan)
