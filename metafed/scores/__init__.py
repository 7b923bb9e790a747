"""Scores of one client's evaluation rows: pure functions, NaN where undefined."""

import inspect
from collections.abc import Callable, Mapping
from typing import TypeAlias

from metafed.core.names import known
from metafed.scores.classification import (
    accuracy,
    auc,
    balanced_accuracy,
    expected_calibration_error,
    log_loss,
    macro_f1,
)
from metafed.scores.regression import mae, rmse, skill
from metafed.tasks.task import Kind

Score: TypeAlias = Callable[..., float]
"""Takes targets and outputs of one client's rows: classes ``(N,)`` and their probabilities ``(N, K)``, or reals
``(N, D)`` and predictions ``(N, D)``. Where rows have weights, it takes these as well, as ``weight (N,)``."""

SCORES: Mapping[str, tuple[Kind, Score]] = {
    "accuracy": ("classification", accuracy),
    "balanced-accuracy": ("classification", balanced_accuracy),
    "macro-f1": ("classification", macro_f1),
    "auc": ("classification", auc),
    "log-loss": ("classification", log_loss),
    "ece": ("classification", expected_calibration_error),
    "skill": ("regression", skill),
    "mae": ("regression", mae),
    "rmse": ("regression", rmse),
}
"""By name: the kind of task that has the score, and the score."""
OWN: Mapping[str, Kind] = {"accuracy": "classification", "skill": "regression", "return": "control"}
"""The scores that families have of their own."""
LOWER_IS_BETTER = ("log-loss", "ece", "mae", "rmse")
"""Scores that count with their sign turned where one of them is the headline."""
FROM_ZERO = ("classification", "balanced-accuracy", "macro-f1", "auc")
"""Scales that end at 0; others have no lowest score."""


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
    if name == "return":
        raise ValueError(
            "return is the score of every control task, whose episodes have no rows for others; leave it out"
        )
    return (known("score", name, SCORES)[0],)


def scale(kind: Kind, headline: str | None) -> str:
    """Return what says how a family's scores are read: its kind, or the headline where that is another.

    Args:
        kind: Of the family.
        headline: The score that stands for all families that have it; None for their own.
    """
    try:
        other = headline not in (None, *OWN) and kind in kinds_of(str(headline))
    except ValueError:  # of a record of another version: no score that we know
        other = False
    return str(headline) if other else kind


def others(scales: Mapping[str, str]) -> dict[str, str]:
    """Return the families, and their scale, whose scores are others than their own: a constant's is not 0."""
    return {family: name for family, name in scales.items() if name not in OWN.values()}


def named_scores(headed: Mapping[str, str]) -> list[str]:
    """Say, for whoever reads numbers, which scores those of ``others`` are."""
    turned = dict.fromkeys(LOWER_IS_BETTER, " with its sign turned")
    return [f"Score: {name}{turned.get(name, '')}, of {family}." for family, name in headed.items()]


def called(scale: str) -> str:
    """Return what a score of a scale is called, higher being better."""
    own: dict[str, str] = {kind: name for name, kind in OWN.items()}
    return f"−{scale}" if scale in LOWER_IS_BETTER else own.get(scale, scale)
