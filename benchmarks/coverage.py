"""``python -m benchmarks.coverage``: how often the 95 % intervals over clients hold, for skewed scores.

Clients are drawn from populations whose true numbers are known; an interval holds if the true number lies inside. The
table has the share of draws in which it held, and in brackets in how many per cent it lay wholly above the true number
and wholly below it. A dash: no interval is shown for so few clients.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import tyro

from benchmarks.tables import show
from metafed.core.streams import stream
from metafed.fairness import metrics
from metafed.fairness.intervals import Estimate, mean_interval, share_difference_interval, share_interval
from metafed.fairness.studentized import difference_interval, metric_interval

POPULATION = 2_000_000
UNBOUNDED = -math.inf


class Scores(NamedTuple):
    """A population of clients' scores."""

    words: str
    least: float
    draw: Callable[[np.random.Generator, int], np.ndarray]


def badly_served(rng: np.random.Generator, n: int) -> np.ndarray:
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
"""What is simulated: even and uneven, with bounds and without."""
SPREAD = ("std", "cov", "gini", "entropy")
TAILS = ("worst10", "cvar10", "best10")
QUANTITIES = (
    *("mean", "gain", "share", *TAILS, *SPREAD),
    *("difference of means", "difference of worst10", "difference of std", "difference of shares"),
)


def before(scores: Scores, after: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the same clients' scores before adaptation, or by another method: lower, but higher for one in ten."""
    away, harmed = rng.beta(0.5, 4.5, len(after)), rng.random(len(after)) < 0.1
    if scores.least == 0:
        return np.where(harmed, after + (1 - after) * away, after * (1 - away))
    return after + np.where(harmed, 2 * away, -away)


def truth(quantity: str, scores: Scores, n: int) -> float:
    """Return the population's number; a normalised entropy is one of n clients."""
    rng = stream(0, "coverage/population")
    if quantity.endswith("share") or quantity.endswith("shares"):
        return 0.1 if quantity == "share" else 0.1 - 0.15
    after = scores.draw(rng, POPULATION)
    other = before(scores, after, rng)
    if quantity in ("gain", "difference of means"):
        return float((after - other).mean())
    metric: metrics.Metric = getattr(metrics, quantity.removeprefix("difference of "))
    if quantity.startswith("difference"):
        return float(metric.rows(after) - metric.rows(other))
    value = float(metric.rows(after))
    return 1 - (1 - value) * math.log(POPULATION) / math.log(n) if quantity == "entropy" else value


def interval(quantity: str, scores: Scores, n: int, rng: np.random.Generator) -> Estimate:
    """Return the interval that metafed shows of ``n`` clients drawn at random."""
    if quantity == "share":
        return share_interval(int((rng.random(n) < 0.1).sum()), n)
    if quantity == "difference of shares":
        both = rng.random(n) < 0.05
        one, other = (both | (rng.random(n) < (share - 0.05) / 0.95) for share in (0.1, 0.15))
        return share_difference_interval(one.astype(float), other.astype(float))
    after = scores.draw(rng, n)
    if quantity == "mean":
        return mean_interval(after, scores.least, 1.0)
    if not (quantity == "gain" or quantity.startswith("difference")):
        return metric_interval(getattr(metrics, quantity), after, scores.least, 1.0)
    other = before(scores, after, rng)
    if quantity == "gain":
        return mean_interval(after - other, scores.least - 1, 1 - scores.least)
    name = "mean" if quantity.endswith("means") else quantity.removeprefix("difference of ")
    return difference_interval(getattr(metrics, name), after, other, scores.least, 1.0)


def cell(quantity: str, scores: Scores, n: int, draws: int) -> str:
    """Return how often the interval holds, and on which side of the truth it lies where it does not."""
    true = truth(quantity, scores, n)
    found = [
        interval(quantity, scores, n, stream(1, f"coverage/{quantity}/{scores.words}", n, d)) for d in range(draws)
    ]
    ends = [(e.low, e.high) for e in found if e.low is not None and e.high is not None]
    if len(ends) < draws / 100:
        return "–"
    above, below = (
        100 * sum(misses) / len(ends) for misses in zip(*((lo > true, hi < true) for lo, hi in ends), strict=True)
    )
    shown = "" if len(ends) > 0.99 * draws else f", shown in {100 * len(ends) / draws:.0f} %"
    return f"{100 - above - below:.1f} (+{above:.1f}, −{below:.1f}){shown}"


@dataclass
class Arguments:
    """How often 95 % intervals over clients hold."""

    quantities: tuple[str, ...] = QUANTITIES
    """Which."""
    clients: tuple[int, ...] = (10, 30, 45, 100, 200)
    """How many clients are drawn."""
    draws: int = 1000
    """How many times."""
    format: Literal["text", "markdown"] = "text"


def main(arguments: Arguments) -> int:
    """Print a table a quantity."""
    for quantity in arguments.quantities:
        rows = [
            (scores.words, *(cell(quantity, scores, n, arguments.draws) for n in arguments.clients))
            for scores in (SCORES if "share" not in quantity else SCORES[:1])
            if quantity not in SPREAD[1:] or scores.least == 0
        ]
        names = ("scores", *(f"n = {n}" for n in arguments.clients))
        show(quantity, names, rows, (), arguments.format == "markdown")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments, description=__doc__)))
