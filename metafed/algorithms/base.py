"""The one interface of all algorithms: pure functions of θ, a client's own state, and an episode."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict

from metafed.episodes import Batch, Episode
from metafed.parameters import Params
from metafed.tasks import Task


class Outer(NamedTuple):
    """The server's optimizer and rate that an algorithm is defined with, used where none is asked for."""

    optimizer: str
    rate: float


class Update(NamedTuple):
    """What ``C`` clients say about θ after one episode each.

    Attributes:
        directions: Each client's outer direction ``(C, …)``, by parameter name: θ minus a small step
            along it serves the client better. For MAML it is the exact meta-gradient.
        losses: Query loss after adaptation ``(C,)``.
        output: Query outputs after adaptation ``(C, N, outputs)``, for the score.
        weights: Weight of each client in the mean ``(C,)``: 1, or its number of rows where the
            algorithm is defined so.
        state: Each client's new personal state ``(C, …)``; empty where the algorithm keeps none.
    """

    directions: Params
    losses: "torch.Tensor"
    output: "torch.Tensor"
    weights: "torch.Tensor"
    state: Params


class Algorithm(BaseModel, ABC):
    """An algorithm; its fields are its settings. All methods are pure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outer: ClassVar[Outer]

    @property
    @abstractmethod
    def training_steps(self) -> int:
        """Inner steps that ``update`` takes."""

    @property
    @abstractmethod
    def evaluation_steps(self) -> int:
        """Inner steps that evaluation takes unless it is told otherwise; 0 where a method does not adapt."""

    @abstractmethod
    def shared(self, theta: Params) -> Params:
        """Return what the server holds, from the network's initial parameters: θ, and what the algorithm adds.

        What it adds is named within a part (``trunk.rate.…``), so that it travels with that part.
        """

    @abstractmethod
    def personal(self, theta: Params) -> Params:
        """Return a new client's personal state, from θ without a client axis; empty where there is none."""

    @abstractmethod
    def adapt(self, task: Task, start: Params, state: Params, support: Batch, steps: int) -> Iterator[Params]:
        """Yield the personal parameters ``(C, …)`` after each of the steps 0 … ``steps``.

        Args:
            task: The clients' network and loss.
            start: θ with a client axis, from ``metafed.parameters.spread``.
            state: The clients' personal state ``(C, …)``; it is not changed by evaluation.
            support: The rows to adapt on; the query set is not even an argument.
            steps: Inner steps to take.
        """

    @abstractmethod
    def update(
        self, task: Task, theta: Params, state: Params, episode: Episode, server_round: int
    ) -> Update:
        """Return each client's outer update from θ (no client axis), its state ``(C, …)`` and one episode."""
