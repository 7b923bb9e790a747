"""What a stage is: one feature's part in a round, between sampling and the outer step."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

from flwr.app import ArrayRecord, ConfigRecord
from flwr.serverapp import Grid

from metafed.core.parameters import Vector
from metafed.federation.federation import Federation
from metafed.messages.packing import Answer, Failure
from metafed.objectives import NOTHING, Contribution, Plain
from server.hosts import Hosts


class Older(NamedTuple):
    """A θ of an earlier round, for clients that work with it.

    Attributes:
        age: How many rounds ago.
        theta: Its parts.
    """

    age: int
    theta: ArrayRecord


@dataclass
class Plan:
    """A round before its messages go out. Stages change it in place.

    Attributes:
        number: The round.
        grid: How to ask hosts.
        hosts: The nodes.
        theta: The θ that the round starts from.
        clients: Who trains.
        cohort: Who is asked; None: the sampler says.
        steps: Inner steps of those clients that take fewer than others.
        older: The θ of those clients that work with another.
        ask: What hosts must know beside what the objective asks.
        records: Further records of every message, by name.
    """

    number: int
    grid: Grid
    hosts: Hosts
    theta: ArrayRecord
    clients: list[int] = field(default_factory=list)
    cohort: list[int] | None = None
    steps: Mapping[int, int] = field(default_factory=dict)
    older: dict[int, Older] = field(default_factory=dict)
    ask: dict[str, Plain] = field(default_factory=dict)
    records: dict[str, ConfigRecord] = field(default_factory=dict)


@dataclass
class Received:
    """A round whose answers have come. Stages change it in place.

    Attributes:
        number: The round.
        asked: The clients of each message.
        answers: The usable answers, in the order of the cohort.
        failures: Who contributed nothing, and why.
        forged: Contributions and updates of clients that lie by what all others say.
        total: The sum over all clients that contributed.
        directions: Where each part of θ goes.
        notes: What the round's line says beside.
    """

    number: int
    asked: list[list[int]]
    answers: list[Answer]
    failures: list[Failure]
    forged: list[Answer] = field(default_factory=list)
    total: Contribution = NOTHING
    directions: dict[str, Vector] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def believed(self) -> list[Answer]:
        """All that counts: what came, and what was forged."""
        return [*self.answers, *self.forged]

    @property
    def clients(self) -> list[int]:
        """The clients of which there are rows."""
        return [int(client) for answer in self.answers for rows in answer.rows for client in rows.client]

    @property
    def summed_only(self) -> list[int]:
        """The clients of messages whose nodes tell sums, and keep rows."""
        return [
            client
            for answer in self.answers
            if answer.withheld and any(sums.clients for sums in answer.withheld.sums)
            for client in answer.asked
        ]

    @property
    def contributing(self) -> list[int]:
        """All clients that may have contributed."""
        return [*self.clients, *(client for answer in self.answers if answer.withheld for client in answer.asked)]

    @property
    def losses(self) -> dict[int, float]:
        """Their losses after adaptation."""
        return {
            int(client): float(loss[-1])
            for answer in self.answers
            for rows in answer.rows
            for client, loss in zip(rows.client, rows.loss, strict=True)
        }


class Stage(ABC):
    """One feature's part in a round; where it has none it does nothing, as here.

    A stage keeps what it must from round to round, and says so by ``state``: a run that goes on goes on with it.
    """

    name: ClassVar[str]
    """Under which a checkpoint holds its state."""

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """Make the stage of a federation; None where its experiment does not ask for it.

        Raises:
            DataError: Its settings cannot be used.
        """
        return cls(federation)  # type: ignore[call-arg]

    def before_round(self, plan: Plan) -> None:  # noqa: B027
        """Say who is asked, and with what."""

    def on_answers(self, received: Received) -> None:  # noqa: B027
        """Take note of what came, before anything is summed."""

    def before_step(self, received: Received) -> None:  # noqa: B027
        """Change the sum, or what is made of it."""

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint must hold, by name: arrays, or plain JSON."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Go on from what ``state`` returned."""
