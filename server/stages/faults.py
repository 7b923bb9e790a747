"""Faults on purpose, at the server: the old θ that some clients work with, and lies made of what all others say."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import numpy as np
from flwr.app import Array, ArrayRecord

from metafed.aggregators.updates import ClientVectors, by_part
from metafed.core.parameters import Vector
from metafed.faults.lies import alie, inner_product
from metafed.faults.plan import OMNISCIENT
from metafed.faults.plan import Faults as Described
from metafed.federation.federation import Federation
from metafed.messages.packing import Answer
from metafed.objectives import NOTHING, Contribution
from server.stages.base import Older, Plan, Received, Stage


@final
class Faults(Stage):
    """Does what the experiment's faults say of the server's side."""

    name: ClassVar[str] = "faults"

    def __init__(self, federation: Federation, faults: Described) -> None:
        self._faults, self._roster = faults, federation.roster
        self._sums = federation.experiment.aggregator.sums
        self._past: dict[int, ArrayRecord] = {}

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where the experiment has no faults."""
        return None if federation.faults is None else cls(federation, federation.faults)

    def before_round(self, plan: Plan) -> None:
        """Give an old θ to those who work with one; before there was one so old, the oldest."""
        if not self._faults.longest_delay:
            return
        oldest = plan.number - self._faults.longest_delay
        self._past = {number: past for number, past in self._past.items() if number >= oldest}
        self._past[plan.number] = plan.theta
        for client in plan.clients:
            if age := self._delay(client, plan.number):
                plan.older[client] = Older(age, self._past[max(min(self._past), plan.number - age)])

    def on_answers(self, received: Received) -> None:
        """Forge the updates of the omniscient, and note who was at fault, and how."""
        received.forged = self._forged(received.answers, received.number)
        asked = [client for chunk in received.asked for client in chunk]
        found = self._faults.among(asked, received.number)
        received.notes["faults"] = [{"client": client, "kind": fault.kind} for client, fault in found.items()]

    def state(self) -> Mapping[str, Any]:
        """The θs of the rounds before, by round and part."""
        return {f"{n}/{part}": array.numpy() for n, past in self._past.items() for part, array in past.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state`` returned."""
        past: dict[int, dict[str, Array]] = {}
        for key, vector in state.items():
            number, _, part = key.partition("/")
            past.setdefault(int(number), {})[part] = Array(np.asarray(vector))
        self._past = {number: ArrayRecord(past[number]) for number in sorted(past)}

    def _forged(self, answers: Sequence[Answer], server_round: int) -> list[Answer]:
        """Return what the omniscient liars send, as answers of their own; they know every honest client's update.

        Where sums are taken each liar's update has the mean weight of the honest ones.
        """
        answered = [int(client) for answer in answers for rows in answer.rows for client in rows.client]
        liars = self._faults.among(answered, server_round, OMNISCIENT)
        if not liars:
            return []
        updates = by_part(single for answer in answers for single in answer.client_vectors)
        total: Contribution = sum((answer.contribution for answer in answers), NOTHING)
        found = []
        for kind, strength in sorted({(fault.kind, fault.strong) for fault in liars.values()}):
            alike = [c for c, fault in liars.items() if (fault.kind, fault.strong) == (kind, strength)]
            for family, members in self._roster.by_family(alike):
                lies: dict[str, Vector] = {}
                for part in self._roster.parts(family):
                    if part in updates:
                        holders = [c for c in liars if part in self._roster.parts(self._roster.family(c))]
                        honest = updates[part]
                        lies[part] = alie(honest, len(holders)) if kind == "alie" else inner_product(honest, strength)
                found.append(self._lying_answer(members, lies, updates, total))
        return found

    def _delay(self, client: int, server_round: int) -> int:
        fault = self._faults.on(client, server_round)
        return int(fault.strong) if fault is not None and fault.kind == "stale" else 0

    def _lying_answer(
        self, members: Sequence[int], lies: Mapping[str, Vector], updates: Mapping[str, Vector], total: Contribution
    ) -> Answer:
        if not self._sums:
            single = ClientVectors(members, {part: np.stack([lie] * len(members)) for part, lie in lies.items()})
            return Answer(NOTHING, [], [], client_vectors=[single])
        weights = {part: len(members) * total.weights[part] / len(updates[part]) for part in lies}
        directions = {part: weights[part] * lie for part, lie in lies.items()}
        scales = {part: total.scales[part] for part in lies if part in total.scales}
        return Answer(Contribution(directions, weights, scales), [], [])
