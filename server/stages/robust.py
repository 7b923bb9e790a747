"""Aggregation of single clients' updates: directions that do not follow who lies, or do not forget who is alone."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

import numpy as np

from metafed.aggregators.base import Direction, Earlier
from metafed.aggregators.updates import counted, with_clients
from metafed.federation.federation import Federation
from server.stages.base import Received, Stage


@final
class RobustAggregation(Stage):
    """Combines single clients' updates, and keeps of earlier rounds what the aggregator wants."""

    name: ClassVar[str] = "aggregator"

    def __init__(self, federation: Federation) -> None:
        self._aggregator = federation.experiment.aggregator
        self._before: dict[str, Direction] = {}
        self._earlier: dict[str, list[Earlier]] = {}

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where sums are enough."""
        return None if federation.experiment.aggregator.sums else cls(federation)

    def before_step(self, received: Received) -> None:
        """Make directions of single updates."""
        updates = [each for answer in received.believed for each in answer.client_vectors]
        oldest = received.number - self._aggregator.looks_back
        self._earlier = {
            part: kept for part, own in self._earlier.items() if (kept := [e for e in own if e.round >= oldest])
        }
        losses = received.losses if "client_losses" in self._aggregator.needs else {}
        found, unmoved = counted(self._aggregator, updates, self._before, losses, self._earlier)
        if self._aggregator.remembers:
            self._before |= found
        if self._aggregator.looks_back:
            for part, (clients, rows) in with_clients(updates).items():
                self._earlier.setdefault(part, []).append(Earlier(received.number, clients, rows))
        received.directions = dict(found)
        received.notes["unmoved"] = [part._asdict() for part in unmoved]

    def state(self) -> Mapping[str, Any]:
        """The last direction of each part, and the updates of earlier rounds: ``part/round/updates``."""
        kept: dict[str, Any] = {part: np.array(vector) for part, vector in self._before.items()}
        for part, own in self._earlier.items():
            for each in own:
                kept |= {f"{part}/{each.round}/clients": each.clients, f"{part}/{each.round}/updates": each.updates}
        return kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state`` returned."""
        self._before = {part: np.array(vector, np.float64) for part, vector in state.items() if "/" not in part}
        self._earlier = {}
        rounds = [key.split("/")[:2] for key in state if key.endswith("/updates")]
        for part, number in sorted(rounds, key=lambda key: int(key[1])):
            clients, updates = (np.array(state[f"{part}/{number}/{what}"]) for what in ("clients", "updates"))
            self._earlier.setdefault(part, []).append(Earlier(int(number), clients, updates))
