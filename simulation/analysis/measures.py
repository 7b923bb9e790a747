"""What methods are compared by: measures of the clients of one seed, each from one value a client."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple, TypeAlias

import numpy as np

from metafed.fairness import metrics as fairness
from metafed.fairness.harmed import gain, harmed
from metafed.fairness.metrics import Metric, Values
from metafed.fairness.panel import Panel
from metafed.fairness.summary import lowest_score, tolerances
from simulation.records.methods import Replicate

Kinds: TypeAlias = Mapping[str, str]
Bounds: TypeAlias = tuple[float, float]
"""The smallest and the largest value that a client can have."""


class Served(NamedTuple):
    """Some clients of one seed as a method serves them, and as they serve themselves where that is known."""

    people: Panel
    alone: Panel | None


class Measure(NamedTuple):
    """One number of a method and a seed.

    Attributes:
        name: In files.
        words: In tables.
        better: 1 where more is better, −1 where less is, 0 where neither.
        values: The clients' values ``(n,)``.
        metric: The statistic of them.
        bounds: Of the values.
        share: Whether each value is 0 or 1, so that their mean is a share of the clients.
        alone: Whether it needs the reference ``local``.
    """

    name: str
    words: str
    better: int
    values: Callable[[Served, Kinds], Values]
    metric: Metric
    bounds: Callable[[Panel, Kinds], Bounds]
    share: bool = False
    alone: bool = False

    def limits(self, people: Panel, kinds: Kinds) -> Bounds:
        """Return the smallest and the largest number that the measure can be."""
        if self.metric is fairness.mean or self.metric.of_tail:
            return self.bounds(people, kinds)
        return 0.0, 1.0 if self.metric in (fairness.gini, fairness.entropy) else inf


def after(served: Served, kinds: Kinds) -> Values:
    """Scores after adaptation."""
    return served.people.scores[:, -1]


def gains(served: Served, kinds: Kinds) -> Values:
    """What adaptation gave."""
    return gain(served.people.scores[:, 0], served.people.scores[:, -1])


def hurt(served: Served, kinds: Kinds) -> Values:
    """1 for clients that adaptation harms, else 0."""
    return harmed(gains(served, kinds), tolerances(served.people, kinds)).astype(np.float64)


def worse_off(served: Served, kinds: Kinds) -> Values:
    """1 for clients that end below what they reach alone by more than their tolerance, else 0."""
    people, alone = both(served)
    own, theirs = alone.scores[:, -1], people.scores[:, -1]
    allowed = tolerances(replace(people, scores=np.stack([own, theirs], axis=1)), kinds)
    return harmed(theirs - own, allowed).astype(np.float64)


def over_alone(served: Served, kinds: Kinds) -> Values:
    """Score after adaptation, less what the client reaches alone."""
    people, alone = both(served)
    return gain(alone.scores[:, -1], people.scores[:, -1])


def loss_over_alone(served: Served, kinds: Kinds) -> Values:
    """Loss after adaptation, less what the client has alone."""
    people, alone = both(served)
    return np.asarray(people.loss - alone.loss, np.float64)


def both(served: Served) -> tuple[Panel, Panel]:
    """Return the clients as served and alone."""
    if served.alone is None:
        raise ValueError("who is worse off than alone is known only with --references local")
    return served.people, served.alone


def of_scores(people: Panel, kinds: Kinds) -> Bounds:
    """Return between what scores lie."""
    return lowest_score(people, kinds), 1.0


def of_gains(people: Panel, kinds: Kinds) -> Bounds:
    """Return between what differences of scores lie."""
    least = lowest_score(people, kinds)
    return least - 1, 1 - least


def of_shares(people: Panel, kinds: Kinds) -> Bounds:
    """Return 0 and 1."""
    return 0.0, 1.0


def of_losses(people: Panel, kinds: Kinds) -> Bounds:
    """Return that differences of losses have no bounds."""
    return -inf, inf


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("after", "score after adaptation", 1, after, fairness.mean, of_scores),
        Measure("worst10", "worst 10 %", 1, after, fairness.worst10, of_scores),
        Measure("cvar10", "CVaR at 10 %", 1, after, fairness.cvar10, of_scores),
        Measure("best10", "best 10 %", 1, after, fairness.best10, of_scores),
        Measure("std", "standard deviation", -1, after, fairness.std, of_scores),
        Measure("cov", "coefficient of variation", -1, after, fairness.cov, of_scores),
        Measure("gini", "Gini", -1, after, fairness.gini, of_scores),
        Measure("entropy", "normalised entropy", 1, after, fairness.entropy, of_scores),
        Measure("gain", "gain by adaptation", 1, gains, fairness.mean, of_gains),
        Measure("gain_worst10", "worst 10 % of gains", 1, gains, fairness.worst10, of_gains),
        Measure("harmed", "harmed by adaptation", -1, hurt, fairness.mean, of_shares, share=True),
        Measure("worse_off", "worse off than alone", -1, worse_off, fairness.mean, of_shares, True, True),
        Measure("over_alone", "score over alone", 1, over_alone, fairness.mean, of_gains, alone=True),
        Measure("loss_gap", "spread of loss over alone", -1, loss_over_alone, fairness.std, of_losses, alone=True),
    )
}
"""All measures by name."""

USUAL = ("after", "worst10", "std", "gain", "harmed", "worse_off")
"""What is compared unless others are asked for. Every further one makes each of them harder to tell from chance."""


def paired(replicates: Sequence[Replicate], chosen: Callable[[Panel], Values]) -> tuple[list[Served], int]:
    """Return the clients that all of the replicates of one seed, and their references, have usable scores of.

    Args:
        replicates: One a method.
        chosen: Marks the clients of interest of a panel ``(C,)``.

    Returns:
        The clients as each method serves them, in the same order, and how many of interest are left out since they
        diverged or are incomplete somewhere.

    Raises:
        ValueError: A client has another family or query set in another method.
    """
    panels = [replicate.people for replicate in replicates]
    panels += [replicate.alone for replicate in replicates if replicate.alone is not None]
    wanted = panels[0].where(chosen(panels[0])).client
    common = set(wanted.tolist())
    for people in panels:
        common &= set(people.usable.client.tolist())
    keep = np.array(sorted(common), np.int64)

    def of(people: Panel) -> Panel:
        return people.where(np.isin(people.client, keep))

    first = of(panels[0])
    for other in map(of, panels[1:]):
        for what in ("family", "seen", "n", "query"):
            unlike = np.flatnonzero(getattr(first, what) != getattr(other, what))
            if unlike.size:
                who = unlike[0]
                values = f"{getattr(first, what)[who]} in one and {getattr(other, what)[who]} in another"
                raise ValueError(f"client {first.client[who]} has {what} {values}")
    served = [
        Served(of(replicate.people), None if replicate.alone is None else of(replicate.alone))
        for replicate in replicates
    ]
    return served, len(wanted) - len(keep)
