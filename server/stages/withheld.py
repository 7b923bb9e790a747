"""Nodes that keep the rows of their clients: what the round's line says of sums over them."""

from typing import ClassVar, final

from metafed.federation.federation import Federation
from server.record.withheld import training_notes
from server.stages.base import Received, Stage


@final
class WithheldRows(Stage):
    """Notes means over all clients that can be had, where some nodes tell sums only."""

    name: ClassVar[str] = "withheld"

    def __init__(self, federation: Federation) -> None:
        """Keeps nothing."""

    def on_answers(self, received: Received) -> None:
        """Note what nodes say of clients whose rows they keep."""
        scores = [float(score[-1]) for a in received.answers for r in a.rows for score in r.score]
        received.notes |= training_notes(received.answers, list(received.losses.values()), scores)
