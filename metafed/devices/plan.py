"""What becomes of the clients that a round asks: who takes part, with how many steps, after how long."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, final

from metafed.core.streams import stream
from metafed.devices.clock import Load, Trip, trip
from metafed.devices.fleet import Device, Fleet
from metafed.devices.settings import Devices
from metafed.devices.work import Work
from metafed.messages.census import Person

Outcome = Literal["finished", "shortened", "late", "dropped out", "offline", "excluded", "unknown"]
TAKES_PART: frozenset[Outcome] = frozenset({"finished", "shortened"})


class Attendance(NamedTuple):
    """What became of a client that was asked.

    Attributes:
        client: Its id.
        outcome: What became of it.
        steps: Inner steps that it took, or was to take.
        seconds: Virtual seconds until it answered, left, or was given up.
        joules: Energy that its device spent until then.
        reason: Why it is excluded; else empty.
    """

    client: int
    outcome: Outcome
    steps: int
    seconds: float
    joules: float
    reason: str = ""


class Plan(NamedTuple):
    """A round on the virtual clock.

    Attributes:
        attendance: What becomes of each client that is asked, in the cohort's order.
        start: Virtual seconds since the first round began.
        seconds: Virtual seconds that the round lasts.
        next: When the next round starts.
    """

    attendance: Sequence[Attendance]
    start: float
    seconds: float
    next: float

    @property
    def taking_part(self) -> list[int]:
        """Who trains."""
        return [each.client for each in self.attendance if each.outcome in TAKES_PART]

    @property
    def steps(self) -> dict[int, int]:
        """The inner steps of those who take fewer than others."""
        return {each.client: each.steps for each in self.attendance if each.outcome == "shortened"}


@final
@dataclass(frozen=True)
class Planner:
    """Plans rounds: a pure function of its fields, the round, its virtual time and the clients.

    Attributes:
        settings: The deadline, and what becomes of who misses it.
        fleet: The clients' devices.
        seed: The run's.
        most: Inner steps of an update.
        family: Returns a client's family.
        work: What an update takes.
        held: Bytes of θ that a family's clients get, and send.
    """

    settings: Devices
    fleet: Fleet
    seed: int
    most: int
    family: Callable[[int], str]
    work: Work
    held: Mapping[str, int]

    def __call__(self, server_round: int, now: float, people: Mapping[int, Person], cohort: Iterable[int]) -> Plan:
        """Plan a round.

        Args:
            server_round: Its number, from 1.
            now: Its virtual time.
            people: What is known of the cohort. Of whom nothing is, takes no part: what it does could not be timed.
            cohort: Who is asked.
        """
        attendance = [
            self.attend(server_round, now, client, people[client])
            if client in people
            else Attendance(client, "unknown", 0, 0.0, 0.0)
            for client in cohort
        ]
        seconds = max((each.seconds for each in attendance), default=0.0)
        return Plan(attendance, now, seconds, now + max(seconds, self.fleet.description.every))

    def attend(self, server_round: int, now: float, client: int, person: Person) -> Attendance:
        """Return what becomes of one client."""
        device, most = self.fleet.device(client, person.group), self.most
        needed = self.work.memory(self.family(client))
        if needed > device.tier.memory:
            reason = f"an episode takes {size(needed)}, its {device.name} has {size(device.tier.memory)} for it"
            return Attendance(client, "excluded", 0, 0.0, 0.0, reason)
        if not self.fleet.online(client, person.group, now):
            return Attendance(client, "offline", 0, 0.0, 0.0)
        deadline = self.settings.deadline
        steps, way = self.fitting(client, person, device)
        leaves, after = stream(self.seed, "dropout", server_round, client).random(2).tolist()
        moment = after * way.seconds
        if leaves < device.tier.dropout and (deadline is None or moment < deadline):
            return Attendance(client, "dropped out", steps, moment, way.joules(moment))
        if deadline is not None and way.seconds > deadline:
            return Attendance(client, "late", steps, deadline, way.joules(deadline))
        outcome: Outcome = "finished" if steps == most else "shortened"
        return Attendance(client, outcome, steps, way.seconds, way.joules(way.seconds))

    def fitting(self, client: int, person: Person, device: Device) -> tuple[int, Trip]:
        """Return the most inner steps that end before the deadline, and their trip; all of them where none do."""
        most, deadline = self.most, self.settings.deadline
        whole = self.trip(client, person, device, most)
        if deadline is None or whole.seconds <= deadline or self.settings.late != "shorten":
            return most, whole
        for steps in range(most - 1, 0, -1):
            way = self.trip(client, person, device, steps)
            if way.seconds <= deadline:
                return steps, way
        return most, whole

    def trip(self, client: int, person: Person, device: Device, steps: int) -> Trip:
        """Return a client's round of ``steps`` inner steps on a device."""
        family = self.family(client)
        flops = self.work.operations(family, steps)(person.support, person.query)
        held = self.held[family]
        return trip(Load(flops, held, held), device)


def size(count: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
