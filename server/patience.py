"""Early stopping: no better mean score of the validation clients in so many evaluations.

What it knows follows from the lines of ``rounds.jsonl``, so a run that goes on stops where it would have stopped.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from metafed.experiment.settings import Experiment
from metafed.fairness.panel import VALIDATION
from server.record.resume import due


class StoppedEarly(Exception):
    """A run has come to its end before its last round, as it was asked to."""


@final
class Patience:
    """How long a run has waited for a better mean score of the validation clients.

    Args:
        experiment: What is computed.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment, self._best, self._waited = experiment, -float("inf"), 0
        self._round = 0

    @property
    def over(self) -> bool:
        """Whether the run stops here."""
        return self._experiment.patience is not None and self._waited >= self._experiment.patience

    @property
    def about(self) -> dict[str, Any]:
        """What the manifest says: the round with the best mean score, and the score."""
        return {"best_round": self._round, "best": self._best if np.isfinite(self._best) else None}

    def see(self, line: Mapping[str, Any]) -> None:
        """Take note of the line of a round; one without an evaluation says nothing."""
        if self._experiment.patience is None or VALIDATION not in line or not due(self._experiment, line["round"]):
            return
        value = line[VALIDATION]
        if value is not None and value > self._best:
            self._best, self._round, self._waited = value, line["round"], 0
        else:
            self._waited += 1

    def catch_up(self, rounds: Path) -> None:
        """Take note of all lines of a record's ``rounds.jsonl``."""
        if self._experiment.patience is not None:
            with rounds.open(encoding="utf-8") as lines:
                for line in lines:
                    self.see(json.loads(line))
