"""The objective: from the sum of contributions to a direction of every part."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

from metafed.federation.federation import Federation
from metafed.objectives import Plain, State
from server.stages.base import Received, Stage


@final
class Weighting(Stage):
    """Has the objective step, and keeps its state."""

    name: ClassVar[str] = "objective"

    def __init__(self, federation: Federation) -> None:
        self._objective = federation.experiment.objective
        self._state: State = self._objective.start(federation.roster.seen)

    def ask(self, clients: Sequence[int]) -> dict[str, Plain]:
        """What the host of these clients must know."""
        return self._objective.ask(self._state, clients)

    def before_step(self, received: Received) -> None:
        """Turn the sum into directions."""
        losses = received.losses if "client_losses" in self._objective.needs else {}
        received.directions, self._state = self._objective.step(received.total, self._state, losses)

    def state(self) -> Mapping[str, Any]:
        """The objective's own state."""
        return {"state": dict(self._state)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the objective's own state."""
        self._state = state["state"]
