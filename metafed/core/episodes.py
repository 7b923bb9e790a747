"""Episodes: disjoint support and query sets, padded and masked over clients.

A client's rows are split once, into meta-training draws and evaluation draws. Training episodes are
drawn anew from the first in every round; the evaluation episode is one fixed split of the second.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch


class Examples(NamedTuple):
    """All that one client owns: ``n`` rows.

    Attributes:
        x: Features ``(n, …)``.
        y: Targets: integer class labels ``(n,)``, or reals ``(n, D)``.
        group: The client's group, for fairness.
        oracle_score: What the best possible predictor reaches on each row ``(n,)``: its chance of being
            right (classification) or its expected squared error (regression). NaN where unknown,
            as for real data.
        evaluation: Where the source itself says which rows are evaluation draws, bool ``(n,)``, as
            it must for rows that other clients own too. The others are meta-training draws.
        block: Rows with one number ``(n,)`` are near-duplicates, such as the frames of one clip, and
            stay together: training and evaluation, support and query have no block in common.
        time: Moments of the rows ``(n,)``, where order matters. Evaluation draws come after meta-training
            draws, and an episode is a stretch of successive rows, its query after its support: nothing is
            adapted on that lies in the future. Class by class, where episodes are; not together with ``block``.
        name: What the data call the client; empty where they have no name for it.
        attributes: Attributes of the rows by which fairness is measured, texts ``(n, A)``, empty where a row has none.
        weight: How much each row counts ``(n,)``, greater than 0, where they do not count alike: one of weight 2 counts
            in losses and scores as two rows would.
    """

    x: np.ndarray
    y: np.ndarray
    group: str
    oracle_score: np.ndarray
    evaluation: np.ndarray | None = None
    block: np.ndarray | None = None
    time: np.ndarray | None = None
    name: str = ""
    attributes: np.ndarray | None = None
    weight: np.ndarray | None = None


class Batch(NamedTuple):
    """Rows of ``C`` clients, padded to the longest: ``x (C, N, …)``, ``y (C, N, …)``, ``mask (C, N)``.

    ``mask`` is 1 for a row, or the row's weight where rows have weights, and 0 for padding, in the dtype of the
    parameters. A mean over rows is Σ mask · value / Σ mask; a row is real where ``mask`` is above 0.
    """

    x: "torch.Tensor"
    y: "torch.Tensor"
    mask: "torch.Tensor"


class Episode(NamedTuple):
    """A disjoint pair: adapt on ``support``, evaluate on ``query``."""

    support: Batch
    query: Batch


@dataclass(frozen=True)
class Shots:
    """How many rows an episode takes, at most; half of what there is goes to the query at least.

    Attributes:
        support: Rows to adapt on.
        query: Rows to evaluate on, in training.
        evaluation: Rows to evaluate on, in evaluation.
        per_class: Whether the numbers count rows of each class or rows of the client.
        evaluation_share: Share of a client's rows that are evaluation draws, where the source does not say which
            these are; of blocks it is always half.
    """

    support: int
    query: int
    evaluation: int
    per_class: bool
    evaluation_share: float = 0.5

    @property
    def about(self) -> str:
        """The sizes, in a line."""
        each = " of each class" if self.per_class else ""
        return (
            f"at most {self.support} support rows{each}, and {self.query} query rows{each} in training,"
            f" {self.evaluation} in evaluation"
        )


def resized(shots: Shots, query: int | None) -> Shots:
    """Return ``shots`` with so many query rows in training; None: as many as it has."""
    return shots if query is None else replace(shots, query=query)


class Rows(NamedTuple):
    """Row numbers of one client's episode; disjoint."""

    support: np.ndarray
    query: np.ndarray


MINIMUM = 4
"""Fewest rows (a class, where shots are per class): support and query, in training and evaluation."""


def _strata(y: np.ndarray, per_class: bool) -> list[np.ndarray]:
    if not per_class:
        return [np.arange(len(y))]
    # one stable sort: the labels ascend, and the rows of each
    order = y.argsort(kind="stable")
    sorted_y = y[order]
    edges = [0, *((sorted_y[1:] != sorted_y[:-1]).nonzero()[0] + 1).tolist(), len(y)]
    return [order[start:end] for start, end in itertools.pairwise(edges) if end > start]


def _trained(rows: int, share: float) -> int:
    """Return how many of a client's rows are training draws; ``MINIMUM`` rows are enough for both sides."""
    # the last bits of a product must not cost a row
    return rows - min(max(int(rows * share + 1e-9), MINIMUM // 2), rows - MINIMUM // 2)


def _cut(
    rows: np.ndarray, block: np.ndarray | None, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle ``rows`` and cut them after ``size``; where rows have blocks, after half of the blocks."""
    if block is None:
        order = rng.permutation(rows)
        return order[:size], order[size:]
    numbers = rng.permutation(np.unique(block[rows]))
    first = np.isin(block[rows], numbers[: (len(numbers) + 1) // 2])
    return rng.permutation(rows[first]), rng.permutation(rows[~first])


def _stretch(
    rows: np.ndarray, time: np.ndarray, adapt: int, query: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``adapt`` successive rows and at most ``query`` that follow, from a random moment on."""
    order = rows[np.argsort(time[rows], kind="stable")]
    size = min(adapt + query, len(order))
    first = rng.integers(len(order) - size, endpoint=True)
    return order[first : first + adapt], order[first + adapt : first + size]


def _two(own: Examples, stratum: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split one stratum into training and evaluation draws; see ``halves``."""
    if own.evaluation is not None:
        evaluated = own.evaluation[stratum]
        training, evaluation = stratum[~evaluated], stratum[evaluated]
        if min(len(training), len(evaluation)) < MINIMUM // 2:
            raise ValueError(
                f"{len(training)} training and {len(evaluation)} evaluation rows: at least {MINIMUM // 2}"
                " of each are needed"
            )
        if own.time is not None and own.time[training].max() >= own.time[evaluation].min():
            raise ValueError("an evaluation row is not after all training rows")
        return training, evaluation
    units, what = (len(stratum), "rows") if own.block is None else (len(np.unique(own.block[stratum])), "blocks")
    if units < MINIMUM:
        raise ValueError(f"{units} {what} cannot be split: at least {MINIMUM} are needed")
    size = _trained(len(stratum), share)
    if own.time is not None:
        order = stratum[np.argsort(own.time[stratum], kind="stable")]
        return order[:size], order[size:]
    return _cut(stratum, own.block, size, rng)


def halves(own: Examples, shots: Shots, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Split a client's rows into meta-training and evaluation draws, once, class by class if asked.

    Args:
        own: The client's rows.
        shots: Says whether every class is split by itself, and how large the share of evaluation draws is.
        rng: Shuffles the rows.

    Raises:
        ValueError: A stratum has too few rows (or blocks), so that one of the four sets is empty; or rows
            are not as ``Examples.time`` says.
    """
    if own.time is not None and own.block is not None:
        raise ValueError("rows have both blocks and times: give one of the two")
    pairs = [_two(own, stratum, shots.evaluation_share, rng) for stratum in _strata(own.y, shots.per_class)]
    training, evaluation = zip(*pairs, strict=True)
    return np.concatenate(training), np.concatenate(evaluation)


def draw(own: Examples, rows: np.ndarray, shots: Shots, query: int, rng: np.random.Generator) -> Rows:
    """Draw one episode from ``rows`` of a client: at most ``shots.support`` and ``query`` rows (a class)."""
    return draw_from(own, strata(own, rows, shots), shots, query, rng)


def strata(own: Examples, rows: np.ndarray, shots: Shots) -> list[np.ndarray]:
    """Return the ``rows`` of each class by itself where shots are per class, else all of them."""
    return [rows[stratum] for stratum in _strata(own.y[rows], shots.per_class)]


def draw_from(own: Examples, among: Sequence[np.ndarray], shots: Shots, query: int, rng: np.random.Generator) -> Rows:
    """Do the same as ``draw``, given the ``strata`` of the rows: who draws often finds them once."""
    support_rows, query_rows = [], []
    for rows in among:
        adapt = max(1, min(shots.support, len(rows) // 2))
        if own.time is not None:
            first, rest = _stretch(rows, own.time, adapt, query, rng)
        else:
            first, rest = _cut(rows, own.block, adapt, rng)
        support_rows.append(first[:adapt])
        query_rows.append(rest[:query])
    return Rows(np.concatenate(support_rows), np.concatenate(query_rows))


def evaluation_rows(size: int, shots: Shots) -> int:
    """Return how many of a stratum's ``size`` rows come into the evaluation query; blocks aside."""
    half = size // 2
    return min(shots.evaluation, half - max(1, min(shots.support, half // 2)))


def pad(examples: Sequence[Examples], rows: Sequence[np.ndarray], dtype: "torch.dtype", length: int = 0) -> Batch:
    """Stack ragged clients' ``rows`` into one batch of ``length`` rows at least, with zeros where a client has no row.

    Where the length does not depend on who else is in the batch, neither do the shapes of the matrix
    products, nor, then, the last bits of a client's results: chunks of any size agree.
    """
    lengths = [len(chosen) for chosen in rows]
    longest, (x, y) = max(length, *lengths), examples[0][:2]
    mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(np.float64)
    padded_x = np.zeros((len(rows), longest, *x.shape[1:]), x.dtype)
    padded_y = np.zeros((len(rows), longest, *y.shape[1:]), y.dtype)
    for own, chosen, size, to_x, to_y, to_mask in zip(examples, rows, lengths, padded_x, padded_y, mask, strict=True):
        # straight into its place; "clip" spares a copy, and rows are never out of range
        own.x.take(chosen, 0, to_x if size == longest else to_x[:size], "clip")
        own.y.take(chosen, 0, to_y if size == longest else to_y[:size], "clip")
        if own.weight is not None:
            to_mask[:size] = own.weight[chosen]
    real = np.issubdtype(padded_y.dtype, np.floating)
    return Batch(
        torch.from_numpy(padded_x).to(dtype),
        torch.from_numpy(padded_y).to(dtype if real else torch.int64),
        torch.from_numpy(mask).to(dtype),
    )


def assemble(
    examples: Sequence[Examples], rows: Sequence[Rows], dtype: "torch.dtype", lengths: tuple[int, int] = (0, 0)
) -> Episode:
    """Gather one episode a client into an ``Episode`` of ``C`` clients, padded to ``lengths`` at least."""
    return Episode(
        pad(examples, [r.support for r in rows], dtype, lengths[0]),
        pad(examples, [r.query for r in rows], dtype, lengths[1]),
    )
