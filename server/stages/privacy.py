"""Differential privacy at the server: noise on the clipped sum, and what it has cost."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, final

from metafed.federation.federation import Federation
from metafed.privacy.noisy_sum import NoisySum
from server.stages.base import Plan, Received, Stage


@final
class Noise(Stage):
    """Tells hosts the length to clip to, and makes noisy directions of the clipped sum."""

    name: ClassVar[str] = "privacy"

    def __init__(self, federation: Federation) -> None:
        self.sum = NoisySum(federation.experiment, federation.layout, federation.holders)

    @classmethod
    def of(cls, federation: Federation) -> Self | None:
        """None where nothing is private."""
        return cls(federation) if federation.experiment.private else None

    def before_round(self, plan: Plan) -> None:
        """Ask for clipped contributions.

        Raises:
            DataError: One more round would cost more privacy than is allowed.
        """
        plan.ask |= self.sum.ask()

    def before_step(self, received: Received) -> None:
        """Make noisy directions of the sum."""
        received.directions = self.sum.release(received.total, received.number)
        received.notes |= self.sum.notes()

    def state(self) -> Mapping[str, Any]:
        """Rounds spent, and the clip."""
        return dict(self.sum.state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was spent."""
        self.sum.state = {"rounds": int(state["rounds"]), "clip": float(state["clip"])}
