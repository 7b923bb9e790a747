"""Scores beside a family's own: each a pure function of one client's evaluation rows, NaN where it is undefined."""

import inspect
from collections.abc import Callable, Mapping
from typing import TypeAlias

from metafed.core.names import known
from metafed.scores.classification import auc, balanced_accuracy, expected_calibration_error, log_loss, macro_f1
from metafed.scores.regression import mae, rmse
from metafed.tasks.task import Kind

Score: TypeAlias = Callable[..., float]
"""Takes targets and outputs of one client's rows: classes ``(N,)`` and their probabilities ``(N, K)``, or reals
``(N, D)`` and predictions ``(N, D)``. Where rows have weights, it takes these as well, as ``weight (N,)``."""

SCORES: Mapping[str, tuple[Kind, Score]] = {
    "balanced-accuracy": ("classification", balanced_accuracy),
    "macro-f1": ("classification", macro_f1),
    "auc": ("classification", auc),
    "log-loss": ("classification", log_loss),
    "ece": ("classification", expected_calibration_error),
    "mae": ("regression", mae),
    "rmse": ("regression", rmse),
}
"""By name: the kind of task that has the score, and the score."""
OWN: Mapping[str, Kind] = {"accuracy": "classification", "skill": "regression", "return": "control"}
"""The scores that every record has, as ``score``."""


def takes_weights(score: Score) -> bool:
    """Say whether a score can be of rows with weights: whether it has a parameter ``weight``."""
    try:
        return "weight" in inspect.signature(score).parameters
    except (TypeError, ValueError):  # of functions in C there is none
        return False


def kinds_of(name: str) -> tuple[Kind, ...]:
    """Return the kinds of task that have the score called ``name``; a function of anybody's is for all with rows.

    Raises:
        ValueError: There is none of that name, or it is recorded anyway.
    """
    if ":" in name:
        return ("classification", "regression")
    if name in OWN:
        raise ValueError(f"{name} is in column score for every {OWN[name]} task already; leave it out")
    return (known("score", name, SCORES)[0],)
