"""Whom the server asks in a round, and what becomes of them on the virtual clock."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, final

from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from metafed.devices.plan import Plan as Schedule
from metafed.experiment.lookup import sampler_name
from metafed.federation.federation import Federation
from metafed.federation.timing import planner_of
from metafed.messages.census import Person, unpack_people
from metafed.messages.packing import Failure
from metafed.messages.typed import BadAnswer
from server.binding import ABSENT, Asked, numbered, replies_of
from server.hosts import Hosts
from server.stages.base import Plan, Received, Stage

AT_ONCE = 10_000
"""Clients up to which all are asked about together, the first time that anything must be known of one."""
PIECE = 250
"""Clients that one message asks about where there is a pool of workers."""
PATIENCE = 3600.0
"""Seconds to wait for what hosts say of their clients."""
NOBODY = "--sampling {} must know how many rows every client has, but of client {} it is not known: {}"
UNKNOWN = "what its device has to do is not known: {}"


class CensusFailed(RuntimeError):
    """What must be known of clients before they can be sampled is not to be had."""


@final
class CohortScheduler(Stage):
    """Samples cohorts and plans rounds on the virtual clock.

    Everything follows from seed, round, what clients are, and ``state``.
    """

    name: ClassVar[str] = "scheduler"

    def __init__(self, federation: Federation) -> None:
        self.experiment, self._roster, self._fleet = federation.experiment, federation.roster, federation.fleet
        self._planner = None if federation.fleet is None else planner_of(federation, federation.fleet)
        self._people: dict[int, Person] = {}
        self._now = 0.0
        self._losses: dict[int, float] = {}
        self._cohort: Sequence[int] = ()
        self._plan: Schedule | None = None
        self._reasons: dict[int, str] = {}
        self._unknown: list[Failure] = []

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold, as plain JSON: the virtual time, and the losses that clients reported last."""
        return {"virtual_time": self._now, "losses": {str(client): loss for client, loss in self._losses.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` returned."""
        self._now = float(state["virtual_time"])
        self._losses = {int(client): float(loss) for client, loss in state["losses"].items()}

    def before_round(self, plan: Plan) -> None:
        """Sample the round's clients and say which of them train.

        Raises:
            CensusFailed: The sampler needs to know of clients what no host says.
        """
        cohort = self.sampled(plan.number, plan.grid, plan.hosts) if plan.cohort is None else plan.cohort
        self._cohort, self._unknown = cohort, []
        if self._planner is None:
            plan.clients = cohort
            return
        self._ask_about(cohort, plan.grid, plan.hosts)
        self._plan = self._planner(plan.number, self._now, self._people, cohort)
        for client in cohort:
            if client not in self._people:
                reason = self._reasons.get(client, "its rows cannot be read")
                self._unknown.append(Failure(client, UNKNOWN.format(reason)))
        plan.clients, plan.steps = self._plan.taking_part, self._plan.steps

    def on_answers(self, received: Received) -> None:
        """Record the round's losses, let time go on, and note who was asked."""
        received.failures += self._unknown
        if self.experiment.sampling.uses == "losses":
            self._losses |= received.losses
        plan, self._plan = self._plan, None
        received.notes["cohort"] = list(self._cohort)
        if plan is not None:
            self._now = plan.next
            received.notes |= entries(plan)

    def sampled(self, server_round: int, grid: Grid, hosts: Hosts) -> list[int]:
        """Return whom the sampler asks in a round, after having asked hosts what it must know of clients.

        Raises:
            CensusFailed: No host says it.
        """
        sampling, seen = self.experiment.sampling, self._roster.seen
        if sampling.uses == "rows":
            self._ask_about(range(seen), grid, hosts)
            unknown = next((client for client in range(seen) if client not in self._people), None)
            if unknown is not None:
                name = sampler_name(sampling)
                raise CensusFailed(NOBODY.format(name, unknown, self._reasons.get(unknown, "its rows cannot be read")))
            return self._roster.cohort(server_round, rows=[self._people[client].rows for client in range(seen)])
        if sampling.uses == "losses":
            return self._roster.cohort(server_round, losses=self._losses)
        if sampling.uses == "online":
            fleet = self._fleet
            assert fleet is not None, "the experiment has refused this sampling without devices"
            if fleet.needs_groups:
                self._ask_about(range(seen), grid, hosts)
            groups = {client: person.group for client, person in self._people.items()}
            return self._roster.cohort(
                server_round, online=lambda client: fleet.online(client, groups.get(client, ""), self._now)
            )
        return self._roster.cohort(server_round)

    def _ask_about(self, clients: Iterable[int], grid: Grid, hosts: Hosts) -> None:
        """Have hosts say what ``_people`` lacks of the clients; of whom nobody says anything it will lack it still."""
        if all(client in self._people for client in clients):
            return
        wanted = range(self._roster.seen) if self._roster.seen <= AT_ONCE else clients
        unknown = [client for client in wanted if client not in self._people]
        asked: list[Asked] = []
        for share, node in enumerate(hosts.nodes):
            members = [client for client in unknown if hosts.share(client) == share]
            if node is None:
                self._reasons |= dict.fromkeys(members, ABSENT)
                continue
            own = iter(members)
            while piece := list(islice(own, PIECE if hosts.pooled else len(unknown))):
                content = RecordDict({"ask": ConfigRecord({"clients": piece})})
                message = Message(content, node, f"{MessageType.QUERY}.census", group_id="census")
                asked.append(Asked(piece, numbered(message, f"census/{len(asked)}")))
        for reply, piece in replies_of(grid, asked, PATIENCE):
            try:
                if reply.has_error():
                    raise BadAnswer(str(reply.error.reason))
                self._people |= unpack_people(reply.content.config_records.get("census", {}), piece)
            except BadAnswer as error:
                self._reasons |= dict.fromkeys(piece, str(error).strip()[-200:])


def entries(plan: Schedule) -> dict[str, Any]:
    """Return what a round's line says of the virtual clock; ``attendance`` has the cohort's order."""
    named = {
        outcome: [each.client for each in plan.attendance if each.outcome == outcome]
        for outcome in ("shortened", "late", "dropped out", "offline")
    }
    return {
        "virtual_start": plan.start,
        "virtual_seconds": plan.seconds,
        "joules": sum(each.joules for each in plan.attendance),
        **{outcome.replace(" ", "_"): clients for outcome, clients in named.items()},
        "excluded": [
            {"client": each.client, "reason": each.reason} for each in plan.attendance if each.outcome == "excluded"
        ],
        "attendance": {
            "steps": [each.steps for each in plan.attendance],
            "seconds": [each.seconds for each in plan.attendance],
            "joules": [each.joules for each in plan.attendance],
        },
    }
