"""Clients drawn from populations whose true numbers are known, to see how often an interval holds."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Values = np.ndarray
UNBOUNDED = -math.inf
STEPS = 5
"""Inner steps of a curve."""
HARMED = 0.1
"""The share of the clients that end lower than they began."""


class Scores(NamedTuple):
    """How clients' scores after adaptation are distributed; ``least`` is the lowest that there can be."""

    words: str
    least: float
    draw: Callable[[np.random.Generator, int], Values]


class People(NamedTuple):
    """Clients, drawn.

    Attributes:
        least: The lowest score that there can be.
        before: Scores before adaptation, or by another method ``(n,)``: lower, but higher for one client in ten.
        after: Scores after it.
        curve: Scores after steps 0 … K ``(n, K + 1)``; how soon a client gains is its own.
        best: The best possible scores ``(n,)``.
        rows: Rows that a client owns ``(n,)``: the more, the more it gains.
        harmed: Who ends lower than it began ``(n,)``.
    """

    least: float
    before: Values
    after: Values
    curve: Values
    best: Values
    rows: Values
    harmed: Values

    @property
    def gain(self) -> Values:
        """After less before ``(n,)``."""
        return np.asarray(self.after - self.before)


def badly_served(rng: np.random.Generator, n: int) -> Values:
    """Draw accuracies around 0.85, and around 0.3 for one client in ten."""
    return np.where(rng.random(n) < 0.1, rng.beta(6, 14, n), rng.beta(34, 6, n))


SCORES = (
    Scores("accuracy, Beta(6, 2)", 0.0, lambda rng, n: rng.beta(6, 2, n)),
    Scores("accuracy on 20 rows, Beta(6, 2)", 0.0, lambda rng, n: rng.binomial(20, rng.beta(6, 2, n)) / 20),
    Scores("high accuracy, Beta(20, 1)", 0.0, lambda rng, n: rng.beta(20, 1, n)),
    Scores("one in ten badly served", 0.0, badly_served),
    Scores("skill, 1 − lognormal(σ = 0.5)", UNBOUNDED, lambda rng, n: 1 - np.exp(rng.normal(-1.0, 0.5, n))),
    Scores("skill, 1 − lognormal(σ = 1)", UNBOUNDED, lambda rng, n: 1 - np.exp(rng.normal(-1.5, 1.0, n))),
)
"""Even and uneven, with bounds and without."""


def scored(scores: Scores, n: int, rng: np.random.Generator) -> tuple[Values, Values, Values]:
    """Draw ``n`` clients' scores before and after, and who is harmed."""
    after = scores.draw(rng, n)
    away, harmed = rng.beta(0.5, 4.5, n), rng.random(n) < HARMED
    if scores.least == 0:
        before = np.where(harmed, after + (1 - after) * away, after * (1 - away))
    else:
        before = after + np.where(harmed, 2 * away, -away)
    return before, after, harmed


def drawn(scores: Scores, n: int, rng: np.random.Generator) -> People:
    """Draw ``n`` clients."""
    before, after, harmed = scored(scores, n, rng)
    slow, steps = rng.uniform(0.2, 0.9, n)[:, None], np.arange(STEPS + 1)
    part = (1 - slow**steps) / (1 - slow**STEPS)
    curve = before[:, None] + (after - before)[:, None] * part
    best = np.maximum(before, after) + (1 - np.maximum(before, after)) * rng.beta(1, 3, n)
    rows = np.round(np.exp(3 + 0.5 * rng.normal(size=n) + 2 * np.clip(after - before, -1, 1)))
    return People(scores.least, before, after, curve, best, rows, harmed)
