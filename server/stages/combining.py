"""From what hosts answered to one direction a part: the objective's own, the count of votes, or a noisy sum."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from metafed.aggregators.base import Direction
from metafed.aggregators.updates import counted
from metafed.core.parameters import Layout, Vector
from metafed.experiment.settings import Experiment
from metafed.messages.packing import Answer
from metafed.objectives import Contribution, Plain


@final
class Combining:
    """What a server does between the sum and the outer step, with what it keeps from round to round.

    Args:
        experiment: What is computed.
        layout: Where θ's parameters lie.

    Raises:
        DataError: The rounds would cost more privacy than is allowed.
    """

    def __init__(self, experiment: Experiment, layout: Layout) -> None:
        self.aggregator, self.privacy = experiment.aggregator, None
        self._before: dict[str, Direction] = {}
        if experiment.private:
            from metafed.privacy.mechanism import Privacy

            self.privacy = Privacy(experiment, layout)

    def ask(self) -> dict[str, Plain]:
        """What hosts must know beside what the objective asks.

        Raises:
            DataError: One more round would cost more privacy than is allowed.
        """
        return self.privacy.ask() if self.privacy else {}

    def __call__(
        self, answers: Sequence[Answer], total: Contribution, directions: Mapping[str, Vector], server_round: int
    ) -> tuple[dict[str, Vector], dict[str, Any]]:
        """Return the direction of every part that moves, and what the round's record says of it.

        Args:
            answers: The usable answers, in the order of the cohort.
            total: The sum of their contributions.
            directions: What the objective makes of it.
            server_round: The round.
        """
        if self.privacy:
            return self.privacy.release(total, server_round), self.privacy.notes()
        if self.aggregator.sums:
            return dict(directions), {}
        found, unmoved = counted(self.aggregator, [b for answer in answers for b in answer.ballots], self._before)
        if self.aggregator.remembers:
            self._before |= found
        return dict(found), {"unmoved": [part._asdict() for part in unmoved]}

    @property
    def plain(self) -> dict[str, Any]:
        """What a checkpoint holds as JSON: rounds spent and the clip, under privacy."""
        return dict(self.privacy.state) if self.privacy else {}

    @property
    def vectors(self) -> dict[str, Vector]:
        """What a checkpoint holds as arrays: the last direction of each part, where the aggregator remembers it."""
        return {part: np.array(vector) for part, vector in self._before.items()}

    def restore(self, plain: Mapping[str, Any], vectors: Mapping[str, Vector]) -> None:
        """Take up what ``plain`` and ``vectors`` were."""
        self._before = {part: np.array(vector, np.float64) for part, vector in vectors.items()}
        if self.privacy:
            self.privacy.state = {"rounds": int(plain["rounds"]), "clip": float(plain["clip"])}
