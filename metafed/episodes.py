"""Episodes: disjoint support and query sets, padded and masked over clients.

A client's rows are split once, into meta-training draws and evaluation draws. Training episodes are
drawn anew from the first in every round; the evaluation episode is one fixed split of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch


class Examples(NamedTuple):
    """All that one client owns: ``n`` rows.

    Attributes:
        x: Features ``(n, …)``.
        y: Targets: integer class labels ``(n,)``, or reals ``(n, D)``.
        group: The client's group, for fairness.
        ceiling: What the best possible predictor reaches on each row ``(n,)``: its chance of being
            right (classification) or its expected squared error (regression). NaN where unknown,
            as for real data.
    """

    x: np.ndarray
    y: np.ndarray
    group: str
    ceiling: np.ndarray


class Batch(NamedTuple):
    """Rows of ``C`` clients, padded to the longest: ``x (C, N, …)``, ``y (C, N, …)``, ``mask (C, N)``.

    ``mask`` is 1 for a row and 0 for padding, in the dtype of the parameters.
    """

    x: "torch.Tensor"
    y: "torch.Tensor"
    mask: "torch.Tensor"


class Episode(NamedTuple):
    """A disjoint pair: adapt on ``support``, judge on ``query``."""

    support: Batch
    query: Batch


@dataclass(frozen=True)
class Shots:
    """How many rows an episode takes, at most; half of what there is goes to the query at least.

    Attributes:
        support: Rows to adapt on.
        query: Rows to judge on, in training.
        judge: Rows to judge on, in evaluation.
        per_class: Whether the numbers count rows of each class or rows of the client.
    """

    support: int
    query: int
    judge: int
    per_class: bool


class Rows(NamedTuple):
    """Row numbers of one client's episode; disjoint."""

    support: np.ndarray
    query: np.ndarray


MINIMUM = 4
"""Fewest rows (a class, where shots are per class): support and query, in training and evaluation."""


def _strata(y: np.ndarray, per_class: bool) -> list[np.ndarray]:
    return [np.flatnonzero(y == label) for label in np.unique(y)] if per_class else [np.arange(len(y))]


def halves(y: np.ndarray, shots: Shots, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split a client's rows into meta-training and evaluation draws, once, class by class if asked.

    Raises:
        ValueError: A stratum has fewer than ``MINIMUM`` rows, so that one of the four sets is empty.
    """
    training, evaluation = [], []
    for stratum in _strata(y, shots.per_class):
        if len(stratum) < MINIMUM:
            raise ValueError(f"{len(stratum)} rows cannot be split: at least {MINIMUM} are needed")
        order = rng.permutation(stratum)
        middle = (len(order) + 1) // 2
        training.append(order[:middle])
        evaluation.append(order[middle:])
    return np.concatenate(training), np.concatenate(evaluation)


def draw(y: np.ndarray, rows: np.ndarray, shots: Shots, query: int, rng: np.random.Generator) -> Rows:
    """Draw one episode from ``rows`` of a client: at most ``shots.support`` and ``query`` rows (a class)."""
    support_rows, query_rows = [], []
    for stratum in _strata(y[rows], shots.per_class):
        order = rng.permutation(rows[stratum])
        adapt = max(1, min(shots.support, len(order) // 2))
        support_rows.append(order[:adapt])
        query_rows.append(order[adapt : adapt + query])
    return Rows(np.concatenate(support_rows), np.concatenate(query_rows))


def pad(x: Sequence[np.ndarray], y: Sequence[np.ndarray], dtype: "torch.dtype") -> Batch:
    """Stack ragged clients into one batch, with zeros where a client has no row."""
    longest = max(len(rows) for rows in x)
    mask = np.zeros((len(x), longest), np.float32)
    padded_x = np.zeros((len(x), longest, *x[0].shape[1:]), x[0].dtype)
    padded_y = np.zeros((len(y), longest, *y[0].shape[1:]), y[0].dtype)
    for client, (rows, targets) in enumerate(zip(x, y, strict=True)):
        padded_x[client, : len(rows)] = rows
        padded_y[client, : len(rows)] = targets
        mask[client, : len(rows)] = 1
    real = np.issubdtype(padded_y.dtype, np.floating)
    return Batch(
        torch.from_numpy(padded_x).to(dtype),
        torch.from_numpy(padded_y).to(dtype if real else torch.int64),
        torch.from_numpy(mask).to(dtype),
    )


def assemble(examples: Sequence[Examples], rows: Sequence[Rows], dtype: "torch.dtype") -> Episode:
    """Gather one episode a client into a padded ``Episode`` of ``C`` clients."""

    def batch(chosen: Sequence[np.ndarray]) -> Batch:
        return pad(
            [own.x[index] for own, index in zip(examples, chosen, strict=True)],
            [own.y[index] for own, index in zip(examples, chosen, strict=True)],
            dtype,
        )

    return Episode(batch([r.support for r in rows]), batch([r.query for r in rows]))
