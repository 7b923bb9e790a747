"""What a population looks like: rows of each client, labels of each client, groups. Pure functions of its clients."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from metafed.core.episodes import Examples, Shots, halves
from metafed.core.streams import stream
from metafed.tasks.task import Kind


@dataclass(frozen=True)
class Portrait:
    """``C`` clients.

    Attributes:
        rows: Rows of each ``(C,)``.
        training: Of those, meta-training draws ``(C,)``; NaN where they make no episodes.
        groups: Group of each ``(C,)``.
        labels: Classification: rows of each class ``(C, classes)``. None for regression.
        mean: Regression: mean of each client's targets ``(C, D)``. None for classification.
        spread: Regression: variance of each client's own targets around that mean ``(C, D)``.
        oracle_score: Mean of what the best possible predictor reaches ``(C,)``; NaN where unknown.
    """

    rows: np.ndarray
    training: np.ndarray
    groups: np.ndarray
    labels: np.ndarray | None
    mean: np.ndarray | None
    spread: np.ndarray | None
    oracle_score: np.ndarray

    def group_names(self) -> list[str]:
        """Return the groups, the largest first, ties in order of the name."""
        names, counts = np.unique(self.groups, return_counts=True)
        return [str(names[place]) for place in np.lexsort((names, -counts))]


def portrait(people: Iterable[Examples], kind: Kind, outputs: int, shots: Shots) -> Portrait:
    """Look at every client once.

    Args:
        people: The clients.
        kind: Classification or regression.
        outputs: Classes, or numbers to predict.
        shots: The size of episodes.
    """
    rows, training, groups, labels, mean, spread, oracle_score = [], [], [], [], [], [], []
    for number, own in enumerate(people):
        rows.append(len(own.y))
        groups.append(own.group)
        oracle_score.append(float(np.mean(own.oracle_score)))
        try:
            training.append(float(len(halves(own, shots, stream(0, "describe", number))[0])))
        except ValueError:
            training.append(np.nan)
        if kind == "classification":
            labels.append(np.bincount(own.y, minlength=outputs))
        else:
            mean.append(own.y.mean(0, dtype=np.float64))
            spread.append(own.y.var(0, dtype=np.float64))
    return Portrait(
        rows=np.array(rows, np.int64),
        training=np.array(training),
        groups=np.array(groups, dtype=str),
        labels=np.array(labels).reshape(-1, outputs) if kind == "classification" else None,
        mean=np.array(mean).reshape(-1, outputs) if kind == "regression" else None,
        spread=np.array(spread).reshape(-1, outputs) if kind == "regression" else None,
        oracle_score=np.array(oracle_score),
    )


def shares(labels: np.ndarray) -> np.ndarray:
    """Turn counts ``(C, classes)`` to each client's own distribution over classes."""
    return np.asarray(labels / np.maximum(labels.sum(1, keepdims=True), 1))


def entropy(labels: np.ndarray) -> np.ndarray:
    """Return the entropy of each client's labels in bits ``(C,)``; from 0, one class only, to log2(classes)."""
    p = shares(labels)
    # 0 + : no negative zero for a client of one class
    return np.asarray(0.0 + -(p * np.log2(np.where(p > 0, p, 1))).sum(1))


def skew(labels: np.ndarray) -> np.ndarray:
    """Return the total-variation distance of each client's label distribution from that of all rows, ``(C,)``.

    0 where a client is like everybody, towards 1 where it has classes that nobody else has.
    """
    return np.asarray(np.abs(shares(labels) - labels.sum(0) / labels.sum()).sum(1) / 2)


def between(rows: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> float:
    """Return the share of the targets' variance that lies between clients: η², 0 to 1.

    Sums over targets: between Σ n_k (m_k − m)², within Σ n_k s_k², with n_k the client's rows, m_k its mean, s_k² its
    variance, m the mean of all rows.
    """
    centre = np.average(mean, axis=0, weights=rows)
    apart = float((rows[:, None] * (mean - centre) ** 2).sum())
    inside = float((rows[:, None] * spread).sum())
    return apart / (apart + inside) if apart + inside > 0 else 0.0


def distance(rows: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return how far each client's mean target lies from that of all rows, in standard deviations of all rows.

    The root of the mean square over targets ``(C,)``; a target that never varies counts nothing.
    """
    centre = np.average(mean, axis=0, weights=rows)
    variance = np.average((mean - centre) ** 2 + spread, axis=0, weights=rows)
    varies = variance > 0
    if not varies.any():
        return np.zeros(len(rows))
    return np.asarray(np.sqrt(((mean - centre)[:, varies] ** 2 / variance[varies]).mean(1)))


def quantiles(values: np.ndarray) -> Sequence[float]:
    """Return smallest, lower quartile, median, upper quartile and largest; NaN left out."""
    known = values[np.isfinite(values)]
    return [float(q) for q in np.quantile(known, (0, 0.25, 0.5, 0.75, 1))] if len(known) else [float("nan")] * 5
