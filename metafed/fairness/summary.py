"""``summary.json``: how well and how evenly clients are served, from the rows of ``clients.parquet``.

A *block* describes a set of clients: all of them (the top level), seen, unseen, and the same by family.
Every number of a block is over clients, each counted once; intervals are over clients too.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.core.digits import LARGEST
from metafed.core.streams import stream
from metafed.fairness import metrics as fairness
from metafed.fairness.groups import SMALL, chance_gap, group_gap, group_means, two_way
from metafed.fairness.harmed import gain, harmed, tolerance
from metafed.fairness.intervals import CONFIDENCE, mean_interval, share_interval, without_interval
from metafed.fairness.panel import LEFT_OUT, VALIDATION, Column, Panel, last_evaluation
from metafed.fairness.steps import adaptation, targets_of
from metafed.fairness.studentized import metric_interval
from metafed.fairness.variance import Between, between_variance
from metafed.fairness.worst import of_worst
from metafed.scores import FROM_ZERO, others

if TYPE_CHECKING:
    import polars as pl

    from metafed.experiment.settings import Experiment

Block = dict[str, Any]
GROWN = 100.0
"""The factor by which a loss grows when it is said to grow by orders of magnitude."""


def summarize(
    clients: "pl.DataFrame",
    seed: int,
    kinds: Mapping[str, str] | None = None,
    experiment: "Experiment | None" = None,
) -> Block:
    """Summarise the last evaluated round.

    Args:
        clients: The rows of ``clients.parquet``.
        seed: The run's seed; resamples are drawn from streams of their own.
        kinds: Each family's kind, which sets the tolerance for harm. Default: those of the families
            that metafed knows; a family that neither knows is treated as regression.
        experiment: What was computed, from which ``influence`` is derived; null without it.

    Returns:
        The content of ``summary.json``: no NaN, no infinity; null where a number has no meaning. A run
        that was never evaluated has ``round`` null and blocks of no clients.

    Raises:
        ValueError: A client has two evaluation rows for one step, or an accuracy outside 0…1.
    """
    if kinds is None:
        from metafed.families import FAMILIES

        kinds = {name: family.kind for name, family in FAMILIES.items()}
    number, everyone = last_evaluation(clients)
    targets = targets_of(everyone)
    parts = {"seen": everyone.seen, "unseen": ~everyone.seen, "all": np.ones(len(everyone), bool)}

    def blocks(mask: Column, address: str) -> dict[str, Block | None]:
        return {
            part: block(people, kinds, targets, seed, f"{address}/{part}") if len(people) else None
            for part, people in ((part, everyone.where(mask & own)) for part, own in parts.items())
        }

    known = np.unique(everyone.family.astype(str)).tolist()
    overall = blocks(parts["all"], "")
    top = overall["all"] or block(everyone, kinds, targets, seed, "/all")
    _, choosing = last_evaluation(clients, VALIDATION)
    held: Block = {VALIDATION: block(choosing, kinds, targets, seed, f"/{VALIDATION}")} if len(choosing) else {}
    if experiment is not None:
        from metafed.fairness.influence import influence

        moved = influence(clients, experiment, everyone)
    if experiment is not None and experiment.eval.epochs is not None:
        held["unit"] = "epoch"  # what steps in evaluation count
    return {
        "round": number,
        "tested": tested(clients),
        "inner_steps": everyone.scores.shape[1] - 1 if number is not None else None,
        "confidence": CONFIDENCE,
        **top,
        "score": top["after"],
        "named": {name: everyone.client[getattr(everyone, name)].tolist() for name in (*LEFT_OUT, "exploded")},
        "growing": growing(clients),
        "seen": overall["seen"],
        "unseen": overall["unseen"],
        **held,
        **({"headline": headed} if (headed := others({name: kinds[name] for name in known if name in kinds})) else {}),
        "influence": moved if experiment is not None else None,
        "by_family": {name: blocks(everyone.family == name, name) for name in known},
    }


def tested(clients: "pl.DataFrame") -> list[int]:
    """Return after which rounds the unseen clients, the test, were evaluated: how often somebody could look at it."""
    rounds = clients.filter((clients["phase"] == "evaluate") & ~clients["seen"])["round"].unique()
    return sorted(int(number) for number in rounds)


def counted(block: Mapping[str, Any]) -> int:
    """Return how many of a block's clients are in its means; a record of an older tree lacks a count."""
    return int(block["clients"]) - sum(int(block.get(name, 0)) for name in LEFT_OUT)


def growing(clients: "pl.DataFrame") -> dict[str, Any]:
    """Return by family, where the loss of training grew by ``GROWN`` or more: its least value, and the last.

    Args:
        clients: The rows of ``clients.parquet``.
    """
    import polars as pl

    of_training = clients.filter(pl.col("phase") == "train").filter(pl.col("loss").abs() <= LARGEST)
    found = of_training.group_by("family", "round").agg(pl.col("loss").mean()).sort("family", "round")
    losses = {str(name): own["loss"].to_list() for (name,), own in found.group_by("family", maintain_order=True)}
    pairs = {name: {"least": min(own), "last": own[-1]} for name, own in losses.items()}
    return {name: pair for name, pair in pairs.items() if grew(pair["least"], pair["last"])}


def grew(least: float, last: float) -> bool:
    """Say whether a mean loss of training grew by orders of magnitude; one below 1 counts as 1."""
    return last >= GROWN * max(least, 1.0)


def block(people: Panel, kinds: Mapping[str, str], targets: Mapping[str, float], seed: int, address: str) -> Block:
    """Describe the clients ``people``.

    Args:
        people: The clients, those included that are left out of means.
        kinds: Each family's kind.
        targets: Each family's target, for the steps to it.
        seed: The run's seed.
        address: Names the block's random streams, so that no block depends on another.
    """
    usable = people.usable
    before, after = usable.scores[:, 0], usable.scores[:, -1]
    least = lowest_score(usable, kinds)
    of_scores = partial(mean_interval, least=least, most=1.0)
    known = len(usable) > 0 and bool(np.isfinite(usable.oracle_score).all())
    return {
        "clients": len(people),
        **{name: int(getattr(people, name).sum()) for name in (*LEFT_OUT, "exploded")},
        "before": of_scores(before)._asdict(),
        "after": of_scores(after)._asdict(),
        "gain": mean_interval(gain(before, after), least - 1, 1 - least)._asdict(),
        # over some of the clients only, it would not compare with their mean score
        "oracle_score": fairness.mean(usable.oracle_score) if known else None,
        "curve": [
            {"step": step, **of_scores(usable.scores[:, step])._asdict()} for step in range(usable.scores.shape[1])
        ],
        "fairness": evenness(usable, kinds, seed, address),
        "adaptation": adaptation(usable, targets, least),
    }


def evenness(usable: Panel, kinds: Mapping[str, str], seed: int, address: str) -> Block:
    """Return the fairness metrics of scores after adaptation, and of the gains whom it harmed."""
    before, after = usable.scores[:, 0], usable.scores[:, -1]
    gains, allowed = gain(before, after), tolerances(usable, kinds)
    hurt = harmed(gains, allowed)
    least = lowest_score(usable, kinds)
    result: Block = {
        name: metric_interval(getattr(fairness, name), after, least, 1.0)._asdict()
        for name in ("worst10", "best10", "cvar10", "std", "cov", "gini", "entropy")
    }
    result["harmed"] = share_interval(int(hurt.sum()), len(usable))._asdict()
    deep = mean_interval(-gains[hurt], 0.0, 1 - least) if hurt.any() else without_interval(None, 0, "nobody is harmed")
    result["harm_depth"] = deep._asdict()
    result["of_worst"] = {name: found._asdict() for name, found in of_worst(before, after)._asdict().items()}
    result["between"] = between(usable, kinds)
    result["two_way"] = cells(usable)
    result["gap"] = {by: gap(usable, getattr(usable, by), kinds, seed, f"{address}/{by}") for by in ("group", "device")}
    return result


def between(usable: Panel, kinds: Mapping[str, str]) -> Block:
    """Return the variance between clients without what small query sets add to it, of clients of one kind."""
    found = {kinds.get(str(name), "regression") for name in usable.family}
    if len(found) > 1:
        return Between(None, None, None, len(usable), "families of different kinds")._asdict()
    return between_variance(usable.scores[:, -1], usable.query, found.pop() if found else "regression")._asdict()


def cells(usable: Panel) -> list[Block]:
    """Return score after adaptation by group and device, the worst cell first; empty where all have one device."""
    if len(set(usable.device.tolist())) < 2:
        return []
    table = two_way(usable.scores[:, -1], usable.group.tolist(), usable.device.tolist())
    found = [
        {"group": group, "device": device, "after": value, "clients": clients, "small": clients < SMALL}
        for group, row in table.items()
        for device, (value, clients) in row.items()
    ]
    return sorted(found, key=lambda cell: float(cell["after"]))


def lowest_score(usable: Panel, kinds: Mapping[str, str]) -> float:
    """Return the lowest score that these clients can have: 0 if all of them classify, since skill has no bound."""
    return 0.0 if all(kinds.get(str(name)) in FROM_ZERO for name in usable.family) else -np.inf


def tolerances(usable: Panel, kinds: Mapping[str, str]) -> fairness.Values:
    """Return how far each client's score may fall before it counts as harm, by its family's kind ``(C,)``."""
    allowed = np.zeros(len(usable))
    for name in np.unique(usable.family.astype(str)):
        own = usable.where(usable.family == name)
        kind = kinds.get(str(name), "regression")
        allowed[usable.family == name] = tolerance(own.scores[:, 0], own.scores[:, -1], own.query, kind)
    return allowed


def gap(usable: Panel, labels: Column, kinds: Mapping[str, str], seed: int, address: str) -> Block:
    """Compare the groups that ``labels (C,)`` name.

    Returns:
        ``value``, the gap of mean scores; ``chance``, the gap that random labels stay below 19 times in
        20; ``groups``, worst first, each with its clients, score, gain, and whether it is small. The gap
        has no interval: a difference of extremes of noisy means is biased upwards.
    """
    before, after = usable.scores[:, 0], usable.scores[:, -1]
    rng = stream(seed, f"summary/{address}")
    members: dict[str, Any] = {}
    for name in group_means(after, labels.tolist()):
        own = labels == name
        least = lowest_score(usable.where(own), kinds)
        members[name] = {
            "clients": int(own.sum()),
            "small": bool(own.sum() < SMALL),
            "after": mean_interval(after[own], least, 1.0)._asdict(),
            "gain": mean_interval(gain(before[own], after[own]), least - 1, 1 - least)._asdict(),
        }
    return {
        "value": group_gap(after, labels.tolist()),
        "chance": chance_gap(after, labels.tolist(), usable.family.tolist(), rng),
        "groups": members,
    }
