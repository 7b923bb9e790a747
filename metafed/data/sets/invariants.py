"""What must hold of every client's rows, whoever made them."""

import numpy as np

from metafed.core.episodes import Examples, Shots, halves
from metafed.tasks.task import Kind


def broken(own: Examples, features: int, outputs: int, kind: Kind, shots: Shots, rng: np.random.Generator) -> str:
    """Return the first thing that is wrong with a client's rows, an empty text if nothing is.

    Args:
        own: The rows.
        features: Numbers in a row of x.
        outputs: Classes, or numbers to predict.
        kind: Classification or regression.
        shots: The size of episodes: there must be rows enough for one in training and one in evaluation.
        rng: Draws the split that is tried.
    """
    n = len(own.y)
    if own.x.shape != (n, features):
        return f"x has shape {own.x.shape}, expected ({n}, {features})"
    if not (np.issubdtype(own.x.dtype, np.floating) and np.isfinite(own.x).all()):
        return f"x ({own.x.dtype}) has numbers that are not finite"
    if kind == "classification":
        if own.y.shape != (n,) or not np.issubdtype(own.y.dtype, np.integer):
            return f"y is {own.y.dtype} with shape {own.y.shape}, expected one integer a row"
        if n and not 0 <= own.y.min() <= own.y.max() < outputs:
            return f"a class is not one of 0 … {outputs - 1}"
    elif own.y.shape != (n, outputs) or not np.isfinite(own.y).all():
        return f"y has shape {own.y.shape}, expected ({n}, {outputs}) finite numbers"
    for name in ("oracle_score", "evaluation", "block", "time"):
        rows = getattr(own, name)
        if rows is not None and len(rows) != n:
            return f"{name} has {len(rows)} rows, not {n}"
    if not own.group:
        return "the group has no name"
    try:
        training, evaluation = halves(own, shots, rng)
    except ValueError as error:
        return f"its {n} rows make no episodes: {error}"
    if not len(training) or not len(evaluation) or np.intersect1d(training, evaluation).size:
        return f"{len(training)} training and {len(evaluation)} evaluation draws are not two disjoint parts"
    return ""
