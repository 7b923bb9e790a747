"""Robust aggregation: directions made of single clients' updates, whoever of them lies."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

import numpy as np

from metafed.aggregators.base import Direction
from metafed.aggregators.updates import counted
from metafed.federation.federation import Federation
from server.stages.base import Received, Stage


@final
class RobustAggregation(Stage):
    """Combines single clients' updates, and keeps the last direction of each part where the aggregator wants it."""

    name: ClassVar[str] = "aggregator"

    def __init__(self, federation: Federation) -> None:
        self._aggregator = federation.experiment.aggregator
        self._before: dict[str, Direction] = {}

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where sums are enough."""
        return None if federation.experiment.aggregator.sums else cls(federation)

    def before_step(self, received: Received) -> None:
        """Make directions of single updates."""
        updates = [each for answer in received.believed for each in answer.client_vectors]
        found, unmoved = counted(self._aggregator, updates, self._before)
        if self._aggregator.remembers:
            self._before |= found
        received.directions = dict(found)
        received.notes["unmoved"] = [part._asdict() for part in unmoved]

    def state(self) -> Mapping[str, Any]:
        """The last direction of each part."""
        return {part: np.array(vector) for part, vector in self._before.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the last directions."""
        self._before = {part: np.array(vector, np.float64) for part, vector in state.items()}
