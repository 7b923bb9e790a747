"""What ``benchmarks.coverage`` looks at: every kind of interval that metafed shows, with the number that it is of.

The report, ``summary.json``, ``compare`` and ``export`` have no others: curves, groups, devices and participation are
means; gains, references and scores above a family's are means of differences; losses are skill with its sign turned.
Some intervals are tried here that metafed does not show; their names say so. A share is a count, so that how often its
interval holds jumps from one exact share to the next: each draw has a share of its own, and its error is looked at
(Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", Statist. Sci. 16).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.populations import SCORES, STEPS, People, Values, drawn, scored
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
    without_interval,
)
from metafed.fairness.replicates import seeds_interval
from metafed.fairness.studentized import difference_interval, lacks_over_seeds, metric_interval
from metafed.fairness.worst import of_worst
from server.record.withheld import interval as of_sums

POPULATION = 1_000_000
BY_NAME = {each.words: each for each in SCORES}
BOUNDED = tuple(each.words for each in SCORES if each.least == 0)
SHARES = {"one in 50": 0.02, "one in ten": 0.1, "four in ten": 0.4}
"""Shares in the middle: each draw has one of half to one and a half times as much."""
SHIFTS = {"0.15 apart": 0.15, "alike": 0.0}
"""By how much less accurate rows of one value are."""
MORE = 0.05
"""How many more clients another method harms, in the middle, too."""
SEEDS_DIFFER = 0.02
"""The standard deviation of what a seed adds to the scores of all its clients."""
OVER_SEEDS = (SCORES[0].words, SCORES[1].words, SCORES[3].words, SCORES[5].words)
OF_SEEDS = {5: "5 seeds", 10: "10 seeds"}
OF_AS_MANY = 10_000
"""Seeds whose mean is the true number over seeds."""
TAILS, SPREAD = ("worst10", "cvar10", "best10"), ("std", "cov", "gini", "entropy")


TRIED = ", not shown"
"""What the name of a quantity ends with whose interval is tried here alone, to say why metafed shows none."""


OFTEN, USUALLY, SELDOM = 10_000, 2_000, 500
"""How often clients are drawn: for what has a closed form, for what resamples, and for what is tried alone."""


class Quantity(NamedTuple):
    """A number with an interval.

    Attributes:
        words: Its name.
        truth: The population's number, where so many clients are drawn.
        interval: What metafed shows of so many clients, drawn.
        populations: The names of those that have it.
        draws: How often clients are drawn, unless another number is asked for.
    """

    words: str
    truth: Callable[[str, int], float]
    interval: Callable[[str, int, np.random.Generator], Estimate]
    populations: tuple[str, ...] = tuple(BY_NAME)
    draws: int = USUALLY


@lru_cache(maxsize=1)
def everyone(population: str) -> People:
    """Return a whole population."""
    return drawn(BY_NAME[population], POPULATION, stream(0, "coverage/population"))


def of_people(
    words: str,
    number: Callable[[People], float],
    interval: Callable[[People], Estimate],
    populations: tuple[str, ...] = tuple(BY_NAME),
    draws: int = USUALLY,
) -> Quantity:
    """Return a quantity of one run's clients."""
    return Quantity(
        words,
        lambda population, n: number(everyone(population)),
        lambda population, n, rng: interval(drawn(BY_NAME[population], n, rng)),
        populations,
        draws,
    )


def mean_of(
    words: str,
    values: Callable[[People], Values],
    bounds: Callable[[float], tuple[float, float]],
    draws: int = OFTEN,
) -> Quantity:
    """Return the mean of one value a client, which lies in what ``bounds`` makes of the lowest score."""
    return of_people(
        words,
        lambda people: float(values(people).mean()),
        lambda people: mean_interval(values(people), *bounds(people.least)),
        draws=draws,
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

    def statistic(columns: Values) -> Values:
        return np.asarray(metric.rows(columns[0]) - (metric.rows(columns[1]) if difference else 0.0))

    def columns(population: str, n: int, seeds: int, rng: np.random.Generator) -> Values:
        before, after, _ = scored(BY_NAME[population], seeds * n, rng)
        return np.stack([after, before]).reshape(2, seeds, n)

    @lru_cache
    def truth(population: str, n: int) -> float:
        # what seeds with as many clients give on average
        return (
            0.0 if share else float(statistic(columns(population, n, OF_AS_MANY, stream(0, "coverage/seeds"))).mean())
        )

    def interval(population: str, n: int, rng: np.random.Generator) -> Estimate:
        kind: Literal["own", "difference"] = "difference" if difference else "own"
        if lacks_over_seeds("share" if share else metric, n, population in BOUNDED, kind):
            return without_interval(0.0, n, "few clients")
        if share:
            rates = around(SHARES[population], MORE, rng)
            found = hits(*rates, count * n, rng).reshape(2, count, n)
            return away(seeds_interval(statistic(found)), -rates[1] if difference else rates[0])
        found = columns(population, n, count, rng) + SEEDS_DIFFER * rng.normal(size=(2, count, 1))
        return seeds_interval(statistic(found), metric.of_tail)

    words = f"{OF_SEEDS[count]}, {'difference of ' if difference else ''}{name}"
    return Quantity(words, truth, interval, tuple(SHARES) if share else OVER_SEEDS, OFTEN)


def around(share: float, more: float, rng: np.random.Generator) -> Values:
    """Draw a share and how many more there are ``(2,)``, of half to one and a half times as much."""
    return np.array([share, more]) * rng.uniform(0.5, 1.5, 2)


def away(estimate: Estimate, true: float) -> Estimate:
    """Return the error of an estimate: what it is away from the true number."""
    ends = (None if end is None else end - true for end in estimate[:3])
    return Estimate(*ends, *estimate[3:])


def of_share(population: str, n: int, rng: np.random.Generator) -> Estimate:
    """Return the error of a share."""
    true = float(around(SHARES[population], MORE, rng)[0])
    return away(share_interval(int((rng.random(n) < true).sum()), n), true)


def of_shares(population: str, n: int, rng: np.random.Generator) -> Estimate:
    """Return the error of a difference of shares of the same clients."""
    share, more = around(SHARES[population], MORE, rng)
    return away(share_difference_interval(*hits(share, more, n, rng)), -more)


def withheld(people: People) -> Estimate:
    """Return the mean gain as it is known of clients whose rows stay at their nodes: from sums."""
    own, n = people.gain, len(people.gain)
    found = of_sums(float(own.sum()), float((own**2).sum()), n)
    return Estimate(found["value"], found["low"], found["high"], n, "Student t of sums")


def hits(share: float, more: float, n: int, rng: np.random.Generator) -> Values:
    """Draw whom each of two methods harms ``(2, n)``: a share, and ``more`` of the clients; mostly the same."""
    both = rng.random(n) < share / 2
    rest = [(each - share / 2) / (1 - share / 2) for each in (share, share + more)]
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
    yield of_people("gain, of sums from nodes", lambda people: float(people.gain.mean()), withheld, draws=OFTEN)
    yield mean_of("gain of the first step", lambda people: people.curve[:, 1] - people.curve[:, 0], gains)
    yield mean_of("area", lambda people: area(people.curve), scores)
    yield mean_of(f"steps to target{TRIED}", steps, lambda least: (0.0, float(STEPS_AT_MOST)), SELDOM)
    yield mean_of(f"headroom gain{TRIED}", headroom, lambda least: (-np.inf, np.inf), SELDOM)
    yield mean_of("depth of harm", lambda people: -people.gain[people.harmed], lambda least: (0.0, 1 - least), USUALLY)
    yield of_people(
        "rank correlation",
        lambda people: float(rank_correlation(people.rows, people.gain).value or 0.0),
        lambda people: rank_correlation(people.rows, people.gain),
        draws=OFTEN,
    )
    yield from (of_metric(name) for name in (*TAILS, *SPREAD))
    for name in ("began", "ended", "left"):
        words = f"of the worst: {name}{TRIED}"
        yield of_people(words, partial(worst_number, name), partial(worst_interval, name), draws=SELDOM)
    yield Quantity("share", lambda population, n: 0.0, of_share, tuple(SHARES), OFTEN)
    yield from (
        of_attribute(name) for name in ("demographic_parity", "equal_opportunity", "equalized_odds", "accuracy")
    )
    yield from (of_difference(name) for name in ("mean", *TAILS, *SPREAD))
    yield Quantity("difference of shares", lambda population, n: 0.0, of_shares, tuple(SHARES), OFTEN)
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
