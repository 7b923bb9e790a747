"""The one interface of all algorithms: pure functions of θ, a client's own state, and an episode."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeAlias, TypeVar, final

import torch

from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params
from metafed.core.settings import Settings
from metafed.tasks.task import Kind, Task
from metafed.training.batches import Plan

INNER_RATE = "inner_lr"
"""The setting for which a family may have a value of its own."""
MOST_STEPS = 10**5
"""Steps of one client in a round, at most."""

NeedsHead: TypeAlias = Literal["no", "any", "linear"]
Table: TypeAlias = Literal["local", "eval"]
"""Settings of how a client trains on its rows: in a round, or in evaluation."""

F = TypeVar("F", bound=Callable[..., Any])


def hook(method: F) -> F:
    """Mark a method whose answer suits most: it is there to be overridden. What is not marked never is."""
    method.__dict__["hook"] = True
    return method


class Outer(NamedTuple):
    """The server's optimizer and rate that an algorithm is defined with, used where none is asked for."""

    optimizer: str
    rate: float


class Range(NamedTuple):
    """Values between which a setting is searched, on a logarithmic scale."""

    low: float
    high: float


class Update(NamedTuple):
    """What ``C`` clients say about θ after one episode each.

    Attributes:
        directions: Each client's outer direction ``(C, …)``, by parameter name: θ minus a small step
            along it serves the client better. For MAML it is the exact meta-gradient. A parameter that
            is absent does not move.
        losses: Query loss ``(C,)`` after ``step`` inner steps.
        output: Query outputs ``(C, N, outputs)`` after ``step`` inner steps, for the score.
        weights: Weight of each client in the mean ``(C,)``: 1, or its number of rows where the
            algorithm is defined so; 0 for a client that takes no part.
        state: Each client's new personal state ``(C, …)``; empty where the algorithm keeps none.
        step: Inner steps on the support set after which the client was evaluated on the query set. An
            algorithm that trains on the query set as well is evaluated before it does: 0.
    """

    directions: Params
    losses: "torch.Tensor"
    output: "torch.Tensor"
    weights: "torch.Tensor"
    state: Params
    step: int


class Algorithm(Settings, ABC):
    """An algorithm; its fields are its settings. All methods are pure."""

    outer: ClassVar[Outer]
    title: ClassVar[str] = ""
    """The name as papers write it; the class's own where there is none."""
    kinds: ClassVar[tuple[Kind, ...]] = ("classification", "regression", "control")
    """The kinds of task that the algorithm is defined for."""
    weighable_losses: ClassVar[bool] = True
    """Whether the losses in ``update`` are of what clients end up with, so that an objective can weigh them. Not
    where clients that adapt train on their query rows as well, and are therefore evaluated before."""
    weighs: ClassVar[Literal["alike", "rows", "none"]] = "alike"
    """What the weights in ``update`` are: 1, the client's rows, or 0, since it says nothing."""
    counts_rows: ClassVar[bool] = False
    """Whether it counts rows one by one, so that they have no weights of their own."""
    replaced: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By setting of local training, ``epochs`` or ``steps``: the settings of its own that it stands in for."""
    with_epochs: ClassVar[tuple[str, ...]] = ()
    """Settings of its own that mean something only where local training has epochs."""
    first_order: ClassVar[bool] = False
    """Whether inner gradients count as constants of an outer one, so that no graph of theirs is kept."""
    needs_head: ClassVar[NeedsHead] = "no"
    """Whether it treats a network's head, the last layer, in another way than the rest, or makes one that is linear."""
    needs_norm: ClassVar[bool] = False
    """Whether it treats a network's norm layers in another way than the rest, and is another algorithm without any."""

    searched: ClassVar[Mapping[str, Range]] = {INNER_RATE: Range(0.01, 0.5)}
    """Where a search for good settings looks, by setting; those that an algorithm does not have are left out. The
    server's rate is searched besides."""

    @property
    @abstractmethod
    def training_steps(self) -> int:
        """Inner steps that ``update`` takes."""

    @property
    @abstractmethod
    def evaluation_steps(self) -> int:
        """Inner steps that evaluation takes unless ``--eval-steps`` says otherwise; 0 where a method does not adapt."""

    @property
    def local_rate(self) -> float:
        """Rate of the client's own steps where directions are what those add up to; 1: they are gradients."""
        return 1.0

    @abstractmethod
    def evaluation_warning(self, steps: int) -> str | None:
        """Return what a user must know who evaluates after ``steps`` inner steps; None if nothing."""

    @hook
    def uses(self, table: Table) -> frozenset[str]:
        """Return the settings that ``update`` uses of local training, or ``adapt`` of evaluation, by name; none."""
        return frozenset()

    @abstractmethod
    def shared(self, theta: Params) -> Params:
        """Return what the server holds, from the network's initial parameters: θ.

        That is the network's parameters without those that clients keep to themselves, with what the
        algorithm adds. What it adds is named within a part (``trunk.rate.…``): it travels with that part.
        """

    @abstractmethod
    def personal(self, theta: Params) -> Params:
        """Return a new client's personal state; empty where there is none.

        Args:
            theta: The network's parameters of the client's parts, without a client axis: from θ, or the
                initial ones where the server holds none.
        """

    @abstractmethod
    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield the personal parameters ``(C, …)`` after each of the steps 0 … ``steps``.

        Args:
            task: The clients' network and loss.
            start: θ with a client axis, from ``metafed.core.parameters.spread``.
            state: The clients' personal state ``(C, …)``; it is not changed by evaluation.
            support: The rows to adapt on; the query set is not even an argument.
            steps: Inner steps to take.
            plan: How, where settings of evaluation that it ``uses`` were given; its epochs are ``steps``.
        """

    @abstractmethod
    def update(
        self,
        task: Task,
        theta: Params,
        state: Params,
        episode: Episode,
        server_round: int,
        plan: Plan | None = None,
    ) -> Update:
        """Return each client's outer update from θ (no client axis), its state ``(C, …)`` and one episode.

        ``server_round`` counts from 1. ``plan`` is how to train, where settings of local training that it ``uses`` were
        given.
        """

    @hook
    def predictor(self, task: Task) -> Task:
        """Return the task that predicts with what ``adapt`` yields: the client's own, or one made of it."""
        return task

    @hook
    def beside(self, name: str) -> bool:
        """Say whether parameter ``name`` of θ is beside the model: the outer optimizer leaves it alone; none is.

        It moves by its direction as it is, θ − direction. Clients may *state* something in its place, such as a number
        of steps, of which ``outer_directions`` makes a direction.
        """
        return False

    @hook
    def can_state(self, mean: Params, clients: int) -> bool:
        """Say whether the weighted mean of what at most ``clients`` clients state, in a part, can be; all can.

        What a node sends is left out where it cannot: see ``beside``. Numbers that are not finite must not pass.
        """
        return True

    @hook
    def outer_directions(self, theta: Params, mean: Params, share: float, kept: Params) -> tuple[Params, Params]:
        """On the server: return what a part of θ moves along, and what the server keeps for the next round.

        An algorithm that has this is defined by means over clients: other objectives, robust aggregators and noise are
        refused.

        Args:
            theta: The part's parameters.
            mean: The weighted mean of the clients' directions.
            share: The sum of their weights, as a share of the seen clients that hold the part.
            kept: What it returned in the last round that moved the part; empty at first. Clients never get it.
        """
        return mean, kept

    @property
    @final
    def needs_means(self) -> bool:
        """Whether its server makes directions of means over clients itself."""
        return type(self).outer_directions is not Algorithm.outer_directions

    @property
    @final
    def left_open(self) -> frozenset[str]:
        """The settings that nobody chose and for which families have values of their own: the inner rate, or none."""
        return (frozenset({INNER_RATE}) & type(self).model_fields.keys()) - self.model_fields_set

    @property
    @final
    def can_be_shortened(self) -> bool:
        """Whether a client can take fewer inner steps than others: it has the setting ``inner_steps``."""
        return "inner_steps" in type(self).model_fields and self.training_steps > 1

    @final
    def shortened(self, steps: int) -> Self:
        """Return the algorithm whose clients take ``steps`` inner steps in a round, at least 1; all else is the same.

        Raises:
            ValueError: It has no such setting, or takes no more anyway.
        """
        if not (self.can_be_shortened and 1 <= steps < self.training_steps):
            raise ValueError(f"{type(self).__name__} of {self.training_steps} inner steps cannot take {steps}")
        return self.model_copy(update={"inner_steps": steps})

    @final
    def check(self, family: str, kind: Kind) -> None:
        """Refuse a family of tasks that the algorithm is not defined for.

        Raises:
            ValueError: It is not in ``kinds``.
        """
        if kind not in self.kinds:
            raise ValueError(
                f"--tasks: family {family!r} is {kind}, but the algorithm {type(self).__name__} is defined for"
                f" {' and '.join(self.kinds)} only; leave the family out or choose another --algorithm"
            )
