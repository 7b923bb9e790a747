"""Who is served worst, and what sets each of them apart: marks that the record shows, with how common they are.

A mark is no cause. Each is a rule on one client's numbers beside those of its own family, and is counted among the
other clients too: a mark that is as frequent there explains nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from metafed.fairness.groups import SMALL
from metafed.fairness.harmed import gain, harmed
from metafed.fairness.intervals import Z
from metafed.fairness.metrics import tail_size
from metafed.fairness.panel import Panel
from metafed.fairness.summary import tolerances
from simulation.report.words import families, group_name, short

SHOWN_OF_A_FAMILY = 5
FEWEST = 8
"""Clients of a family below which nobody is set apart from it: a quarter of them would be one."""
NO_DEVICE = "unspecified"

TookPart: TypeAlias = Mapping[int, tuple[int, int]]
"""Rounds that a client finished, and rounds in which it was asked, by client."""
Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"


class Mark(NamedTuple):
    """One rule applied to the clients of one family.

    Attributes:
        name: Its short name.
        rule: The rule in words.
        holds: For whom it holds ``(C,)``.
        says: The evidence for the client at an index.
    """

    name: str
    rule: str
    holds: Mask
    says: Callable[[int], str]


class Served(NamedTuple):
    """One client among the worst served: ``reasons`` are pairs of a mark's name and its evidence."""

    family: str
    client: int
    group: str
    device: str
    seen: bool
    rows: int
    before: float
    after: float
    oracle_score: float | None
    reasons: list[tuple[str, str]]


class Rate(NamedTuple):
    """How many of the worst tenth have a mark, and how many of the others, over all families."""

    name: str
    rule: str
    worst: int
    of_worst: int
    others: int
    of_others: int


def worst_served(
    people: Panel, kinds: Mapping[str, str], gaps: Mapping[str, Any], failed: Mapping[int, int], took: TookPart
) -> tuple[list[Served], list[Rate]]:
    """Return the worst tenth of each family, at most five of it, and how common their marks are.

    Args:
        people: All clients that are in means, seen and unseen.
        kinds: Each family's kind.
        gaps: ``gap`` of each family's summary, by family: of its groups and devices.
        failed: How often each client failed in training.
        took: How many rounds each client finished, and in how many it was asked; empty where all can always take part.
    """
    served: list[Served] = []
    counted: dict[str, list[Any]] = {}
    for name in families(people):
        own = people.where(people.family == name)
        found = marks(own, kinds, gaps.get(name, {}), failed, took)
        order = np.argsort(own.scores[:, -1], kind="stable")
        worst = np.zeros(len(own), bool)
        worst[order[: tail_size(len(own))]] = True
        for mark in found:
            rate = counted.setdefault(mark.name, [mark.rule, 0, 0, 0, 0])
            for at, value in enumerate((mark.holds & worst, worst, mark.holds & ~worst, ~worst), start=1):
                rate[at] += int(value.sum())
        for index in order[: min(tail_size(len(own)), SHOWN_OF_A_FAMILY)]:
            reasons = [(mark.name, mark.says(int(index))) for mark in found if mark.holds[index]]
            oracle_score = float(own.oracle_score[index])
            served.append(
                Served(
                    name,
                    int(own.client[index]),
                    group_name(own.group[index]),
                    str(own.device[index]),
                    bool(own.seen[index]),
                    int(own.n[index]),
                    float(own.scores[index, 0]),
                    float(own.scores[index, -1]),
                    oracle_score if np.isfinite(oracle_score) else None,
                    reasons,
                )
            )
    return served, [Rate(name, *values) for name, values in counted.items() if values[1] or values[3]]


def marks(
    own: Panel, kinds: Mapping[str, str], gap: Mapping[str, Any], failed: Mapping[int, int], took: TookPart
) -> list[Mark]:
    """Apply all rules to the clients ``own`` of one family, in the order in which a reader should hear of them."""
    before, after = own.scores[:, 0], own.scores[:, -1]
    gains = gain(before, after)
    allowed = tolerances(own, kinds)
    times = np.array([failed.get(int(client), 0) for client in own.client])
    found: list[Mark] = []

    def mark(name: str, rule: str, holds: Mask, says: Callable[[int], str]) -> None:
        found.append(Mark(name, rule, holds, says))

    mark(
        "harmed",
        "its score fell by more than its query rows explain",
        harmed(gains, allowed),
        lambda i: f"{short(gains[i], '+')} by adaptation",
    )
    mark("failed in training", "at least one round lost its update", times > 0, lambda i: f"{times[i]}×")
    if took:
        rounds = [took.get(int(client), (0, 0)) for client in own.client]
        mark(
            "seldom took part",
            "it finished fewer than half of the rounds in which it was asked: offline, late, lost or too small",
            np.array([2 * finished < asked for finished, asked in rounds]),
            lambda i: f"{rounds[i][0]} of {rounds[i][1]} rounds",
        )
    for by, labels in (("group", own.group), ("device", own.device)):
        if (named := unfair(gap.get(by, {}))) is not None:
            name, mean = named
            mark(
                f"{by} served worst",
                f"its {by} has the lowest mean, and the gap of {by}s exceeds chance",
                labels == name,
                constant(f"{group_name(name)}, mean {short(mean)}"),
            )
    if len(own) < FEWEST:
        return found
    rows, usual = own.n.astype(np.float64), float(np.median(own.n))
    mark(
        "few rows",
        "it owns fewer rows than three quarters of its family, and under ¾ of the median",
        (rows <= np.quantile(rows, 0.25)) & (rows < 0.75 * usual),  # equal numbers mark nobody
        lambda i: f"{rows[i]:.0f} rows, median {usual:.0f}",
    )
    room = own.oracle_score - after
    if np.isfinite(own.oracle_score).all():
        mark(
            "low oracle score",
            "its best possible score is in its family’s lowest quarter, and it comes as near to it as half of"
            " the family",
            (own.oracle_score <= np.quantile(own.oracle_score, 0.25)) & (room <= np.median(room)),
            lambda i: f"at best {short(own.oracle_score[i])}",
        )
    start = np.quantile(before, 0.1)
    mark(
        "unusual to begin with",
        "θ alone serves it worse than nine tenths of its family",
        before <= start if before.min() < before.max() else before < start,
        lambda i: f"{short(before[i])} before, median {short(float(np.median(before)))}",
    )
    mark(
        "gains little",
        "its gain is in its family’s lowest quarter, though θ does not serve it better than half of the family",
        (gains <= np.quantile(gains, 0.25)) & (before <= np.median(before)),
        lambda i: f"{short(gains[i], '+')}, median {short(float(np.median(gains)), '+')}",
    )
    if kinds.get(str(own.family[0])) == "classification":
        middle = float(after.mean())
        error = Z * np.sqrt(middle * (1 - middle) / own.query)
        mark(
            "may be chance",
            "its score lies no further below its family’s mean than the binomial error of its query rows",
            after >= middle - error,
            lambda i: f"evaluated on {own.query[i]} rows",
        )
    return found


def constant(text: str) -> Callable[[int], str]:
    """Return what says the same of every client."""
    return lambda _: text


def unfair(gap: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the worst group and its mean, if the gap exceeds chance and the group has enough clients."""
    if gap.get("value") is None or gap.get("chance") is None or gap["value"] <= gap["chance"]:
        return None
    name, worst = next(iter(gap["groups"].items()))
    if worst["clients"] < SMALL or name == NO_DEVICE:
        return None
    return name, float(worst["after"]["value"])
