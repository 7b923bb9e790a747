"""What ``benchmarks.coverage`` looks at: every kind of interval that metafed shows, with the number that it is of.

The report, ``summary.json``, ``compare`` and ``export`` have no others: curves, groups, devices and participation are
means; gains, references and scores above a family's are means of differences; losses are skill with its sign turned.
Some intervals are tried here that metafed does not show; their names say so.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.populations import SCORES, STEPS, People, Values, drawn
from metafed.core.streams import stream
from metafed.fairness import metrics
from metafed.fairness.adaptation import area, headroom_gain, steps_to
from metafed.fairness.attributes import counted, differences, over_all
from metafed.fairness.intervals import (
    Estimate,
    mean_interval,
    rank_correlation,
    share_difference_interval,
    share_interval,
)
from metafed.fairness.replicates import nested_interval
from metafed.fairness.studentized import difference_interval, metric_interval
from metafed.fairness.worst import of_worst

POPULATION = 1_000_000
BY_NAME = {each.words: each for each in SCORES}
BOUNDED = tuple(each.words for each in SCORES if each.least == 0)
SHARES = {"one in 50": 0.02, "one in ten": 0.1, "four in ten": 0.4}
SHIFTS = {"0.15 apart": 0.15, "alike": 0.0}
"""By how much less accurate rows of one value are."""
MORE = 0.05
"""How many more clients another method harms."""
SEEDS_DIFFER = 0.02
"""The standard deviation of what a seed adds to the scores of all its clients."""
OVER_SEEDS = (SCORES[0].words, SCORES[1].words, SCORES[3].words, SCORES[5].words)
OF_SEEDS = {5: "5 seeds", 10: "10 seeds"}
TAILS, SPREAD = ("worst10", "cvar10", "best10"), ("std", "cov", "gini", "entropy")


TRIED = ", not shown"
"""What the name of a quantity ends with whose interval is tried here alone, to say why metafed shows none."""


class Quantity(NamedTuple):
    """A number with an interval.

    Attributes:
        words: Its name.
        truth: The population's number, where so many clients are drawn.
        interval: What metafed shows of so many clients, drawn.
        populations: The names of those that have it.
    """

    words: str
    truth: Callable[[str, int], float]
    interval: Callable[[str, int, np.random.Generator], Estimate]
    populations: tuple[str, ...] = tuple(BY_NAME)


@lru_cache(maxsize=1)
def everyone(population: str) -> People:
    """Return a whole population."""
    return drawn(BY_NAME[population], POPULATION, stream(0, "coverage/population"))


def of_people(
    words: str,
    number: Callable[[People], float],
    interval: Callable[[People], Estimate],
    populations: tuple[str, ...] = tuple(BY_NAME),
) -> Quantity:
    """Return a quantity of one run's clients."""
    return Quantity(
        words,
        lambda population, n: number(everyone(population)),
        lambda population, n, rng: interval(drawn(BY_NAME[population], n, rng)),
        populations,
    )


def mean_of(words: str, values: Callable[[People], Values], bounds: Callable[[float], tuple[float, float]]) -> Quantity:
    """Return the mean of one value a client, which lies in what ``bounds`` makes of the lowest score."""
    return of_people(
        words,
        lambda people: float(values(people).mean()),
        lambda people: mean_interval(values(people), *bounds(people.least)),
    )


def of_metric(name: str) -> Quantity:
    """Return a metric of scores after adaptation."""
    metric: metrics.Metric = getattr(metrics, name)

    def truth(population: str, n: int) -> float:
        value = float(metric.rows(everyone(population).after))
        # a normalised entropy is one of n clients
        return 1 - (1 - value) * float(np.log(POPULATION) / np.log(n)) if name == "entropy" else value

    def interval(population: str, n: int, rng: np.random.Generator) -> Estimate:
        people = drawn(BY_NAME[population], n, rng)
        return metric_interval(metric, people.after, people.least, 1.0)

    return Quantity(name, truth, interval, BOUNDED if name in SPREAD[1:] else tuple(BY_NAME))


def of_difference(name: str) -> Quantity:
    """Return the difference of a metric between two methods of the same clients."""
    metric: metrics.Metric = getattr(metrics, name)
    return of_people(
        f"difference of {name}",
        lambda people: float(metric.rows(people.after) - metric.rows(people.before)),
        lambda people: difference_interval(metric, people.after, people.before, people.least, 1.0),
        BOUNDED if name in SPREAD[1:] else tuple(BY_NAME),
    )


def of_seeds(name: str, count: int, difference: bool) -> Quantity:
    """Return a metric of scores, or of a share, or its difference between two methods, over several seeds."""
    share = name == "share"
    metric: metrics.Metric = metrics.mean if share else getattr(metrics, name)

    def statistic(columns: Values) -> Any:
        return metric.rows(columns[0]) - (metric.rows(columns[1]) if difference else 0.0)

    def columns(population: str, n: int, rng: np.random.Generator) -> Values:
        if share:
            return hits(SHARES[population], n, rng)
        people = drawn(BY_NAME[population], n, rng)
        return np.stack([people.after, people.before]) + SEEDS_DIFFER * rng.normal(size=(2, 1))

    def truth(population: str, n: int) -> float:
        if share:
            return -MORE if difference else SHARES[population]
        people = everyone(population)
        return float(statistic(np.stack([people.after, people.before])))

    def interval(population: str, n: int, rng: np.random.Generator) -> Estimate:
        kept = 1 + difference
        return nested_interval([columns(population, n, rng)[:kept] for _ in range(count)], statistic, rng)

    words = f"{OF_SEEDS[count]}, {'difference of ' if difference else ''}{name}"
    return Quantity(words, truth, interval, tuple(SHARES) if share else OVER_SEEDS)


def hits(share: float, n: int, rng: np.random.Generator) -> Values:
    """Draw whom each of two methods harms ``(2, n)``: a share, and ``MORE`` of the clients more; mostly the same."""
    both = rng.random(n) < share / 2
    rest = [(each - share / 2) / (1 - share / 2) for each in (share, share + MORE)]
    return np.stack([both | (rng.random(n) < part) for part in rest]).astype(np.float64)


def of_attribute(measure: str) -> Quantity:
    """Return the difference between rows of two values, over all clients."""

    def truth(population: str, n: int) -> float:
        # that of which the sign is open has the number 0
        counts = answered(SHIFTS[population], min(200_000, POPULATION), stream(0, "coverage/rows")).sum(0)
        return float(differences(counts)[measure]) if SHIFTS[population] else 0.0

    def interval(population: str, n: int, rng: np.random.Generator) -> Estimate:
        found = over_all(answered(SHIFTS[population], n, rng), ("a", "b"), {}, rng)[measure]
        return Estimate(found.value, found.low, found.high, n, "")

    return Quantity(f"attribute, {measure}", truth, interval, tuple(SHIFTS))


def answered(shift: float, n: int, rng: np.random.Generator) -> Values:
    """Draw clients' rows by value, class and predicted class ``(n, 2, 2, 2)``; few clients have many of them."""
    sizes = np.ceil(np.exp(rng.normal(3.0, 0.8, n))).astype(np.int64)
    who = np.repeat(np.arange(n), sizes)
    value, target = rng.random(len(who)) < rng.beta(3, 3, n)[who], rng.random(len(who)) < 0.5
    right = rng.random(len(who)) < badly(n, rng)[who] - shift * value
    cells = counted(who * 2 + value, target.astype(np.int64), np.where(right, target, ~target), 2 * n, 2)
    return cells.reshape(n, 2, 2, 2)


def badly(n: int, rng: np.random.Generator) -> Values:
    """Draw clients' accuracies: one in ten is badly served."""
    return SCORES[3].draw(rng, n)


def steps(people: People) -> Values:
    """Return steps to the mean score of these clients."""
    return steps_to(people.curve, np.full(len(people.after), people.after.mean()))


def headroom(people: People) -> Values:
    """Return gains as a share of what there was to gain, where there was any."""
    found = headroom_gain(people.before, people.after, people.best)
    return np.asarray(found[np.isfinite(found)])


def scores(least: float) -> tuple[float, float]:
    """Return between what scores lie."""
    return least, 1.0


def gains(least: float) -> tuple[float, float]:
    """Return between what differences of scores lie."""
    return least - 1, 1 - least


def listed() -> Iterable[Quantity]:
    """Yield every quantity."""
    yield mean_of("mean", lambda people: people.after, scores)
    yield mean_of("gain", lambda people: people.gain, gains)
    yield mean_of("gain of the first step", lambda people: people.curve[:, 1] - people.curve[:, 0], gains)
    yield mean_of("area", lambda people: area(people.curve), scores)
    yield mean_of(f"steps to target{TRIED}", steps, lambda least: (0.0, float(STEPS_AT_MOST)))
    yield mean_of(f"headroom gain{TRIED}", headroom, lambda least: (-np.inf, np.inf))
    yield mean_of("depth of harm", lambda people: -people.gain[people.harmed], lambda least: (0.0, 1 - least))
    yield of_people(
        "rank correlation",
        lambda people: float(rank_correlation(people.rows, people.gain).value or 0.0),
        lambda people: rank_correlation(people.rows, people.gain),
    )
    yield from (of_metric(name) for name in (*TAILS, *SPREAD))
    for name in ("began", "ended", "left"):
        yield of_people(f"of the worst: {name}{TRIED}", partial(worst_number, name), partial(worst_interval, name))
    yield Quantity(
        "share", lambda population, n: SHARES[population],
        lambda population, n, rng: share_interval(int((rng.random(n) < SHARES[population]).sum()), n), tuple(SHARES),
    )  # fmt: skip
    yield from (
        of_attribute(name) for name in ("demographic_parity", "equal_opportunity", "equalized_odds", "accuracy")
    )
    yield from (of_difference(name) for name in ("mean", *TAILS, *SPREAD))
    yield Quantity(
        "difference of shares", lambda population, n: -MORE,
        lambda population, n, rng: share_difference_interval(*hits(SHARES[population], n, rng)), tuple(SHARES),
    )  # fmt: skip
    for count in OF_SEEDS:
        for difference in (False, True):
            yield from (of_seeds(name, count, difference) for name in ("mean", "worst10", "std", "share"))


def worst_number(name: str, people: People) -> float:
    """Return one number of the worst tenth of a population."""
    return float(getattr(of_worst(people.before, people.after), name).value)


def worst_interval(name: str, people: People) -> Estimate:
    """Return an interval of one number of the worst tenth, as if these clients were all that were drawn."""
    lowest = np.argsort(people.after if name == "ended" else people.before, kind="stable")
    tail = lowest[: metrics.tail_size(len(lowest))]
    if name == "left":
        border = np.sort(people.after)[len(tail) - 1]
        return share_interval(int((people.after[tail] > border).sum()), len(tail))
    return mean_interval(people.gain[tail], *gains(people.least))


STEPS_AT_MOST = STEPS + 1
"""K + 1: never within K steps."""
QUANTITIES = {each.words: each for each in listed()}
