"""The algorithm's own part at the server: directions made of means over clients, and what it keeps beside θ."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from flwr.app import ArrayRecord

from metafed.core.parameters import Params, part_of
from metafed.federation.federation import Federation
from server.stages.base import Plan, Received, Stage


@final
class AlgorithmStep(Stage):
    """Has the algorithm make directions of the means, part by part, and keeps what it keeps."""

    name: ClassVar[str] = "algorithm"

    def __init__(self, federation: Federation) -> None:
        self._algorithm, self._layout = federation.experiment.algorithm, federation.layout
        roster = federation.roster
        seen = zip(roster.families, roster.members(roster.seen), strict=True)
        self._holders: dict[str, int] = {}
        for family, count in seen:
            for part in roster.parts(family):
                self._holders[part] = self._holders.get(part, 0) + count
        self._theta = ArrayRecord()
        self._kept: dict[str, Params] = {}

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where directions are the means themselves."""
        return cls(federation) if federation.experiment.algorithm.needs_means else None

    def before_round(self, plan: Plan) -> None:
        """Take note of the θ that the round starts from."""
        self._theta = plan.theta

    def before_step(self, received: Received) -> None:
        """Make directions of means."""
        for part, direction in received.directions.items():
            mean = self._named(part, direction)
            theta = self._named(part, self._theta[part].numpy())
            share = received.total.weights[part] / self._holders[part]
            made, kept = self._algorithm.outer_directions(theta, mean, share, self._kept.get(part, {}))
            received.directions[part] = self._layout.flatten(made, [part])[part].numpy()
            if kept:
                self._kept[part] = kept

    def state(self) -> Mapping[str, Any]:
        """What the algorithm keeps, by name."""
        return {name: value.numpy().copy() for kept in self._kept.values() for name, value in kept.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state`` returned."""
        found: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in state.items():
            found.setdefault(part_of(name), {})[name] = torch.from_numpy(np.array(value))
        self._kept = dict(found)

    def _named(self, part: str, vector: np.ndarray) -> Params:
        """Return a part's parameters in float64."""
        return self._layout.unflatten({part: torch.from_numpy(np.asarray(vector, np.float64).copy())})
