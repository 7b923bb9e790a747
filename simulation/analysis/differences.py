"""A comparison as plain data: each method's measures with intervals, and which differences between methods hold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Literal

import numpy as np

from metafed.core.streams import stream
from metafed.fairness.harmed import RULE
from metafed.fairness.intervals import (
    BRACKETS,
    Estimate,
    share_difference_interval,
    share_interval,
    without_interval,
)
from metafed.fairness.metrics import Values
from metafed.fairness.panel import Panel
from metafed.fairness.replicates import FEWEST_SEEDS, Statistic, points, seeds_interval
from metafed.fairness.significance import LEVEL, holm, seeds_needed, sign_flip, smallest_p
from metafed.fairness.studentized import difference_interval, lacks_over_seeds, metric_interval
from metafed.scores import named_scores
from simulation.analysis.comparable import steps
from simulation.analysis.measures import MEASURES, Kinds, Measure, Served, paired
from simulation.cli.exits import called
from simulation.cli.references import ALONE
from simulation.records.methods import Method, Replicate, headlines, kinds_of
from simulation.records.names import component

PARTS = ("unseen", "seen", "all")


def comparison(
    methods: Sequence[Method],
    pairs: Sequence[tuple[int, int]],
    part: str,
    family: str | None = None,
    measures: Sequence[str] = tuple(MEASURES),
) -> dict[str, Any]:
    """Compare methods on the clients that all of them served, seed by seed.

    Args:
        methods: With at least one seed in common.
        pairs: Which differences to take: the first minus the second, by position in ``methods``.
        part: ``unseen``, ``seen`` or ``all`` clients.
        family: Of one family only; None for all.
        measures: Names of ``MEASURES``; those that need the reference ``local`` are left out where a method lacks it.

    Returns:
        ``seeds``; ``clients`` by seed; ``left_out``; ``methods``: by name, each measure's estimate and its ``points``
        by seed; ``differences``: a list, with p-values and the verdict; ``headline``: by family, a score that stands
        in the place of its own, if there is one.

    Raises:
        ValueError: The methods have no seed or no client in common, or a client differs between them.
    """
    seeds = sorted(set.intersection(*(set(method.seeds) for method in methods)))
    if not seeds:
        raise ValueError("they have no seed in common")
    kinds: Kinds = kinds_of(methods[0])
    rows: dict[int, list[Served]] = {}
    left_out = 0
    for seed in seeds:
        served, lost = paired(with_alone(methods, seed), lambda people: chosen(people, part, family))
        rows[seed], left_out = served, left_out + lost
    alone = all(served.alone is not None for served in rows[seeds[0]])
    used = [MEASURES[name] for name in measures if alone or not MEASURES[name].alone]
    found: dict[str, Any] = {
        "part": part,
        "family": family,
        "seeds": seeds,
        "clients": {str(seed): len(rows[seed][0].people) for seed in seeds},
        "left_out": left_out,
        "methods": {},
    }
    if headed := headlines(methods[0]):
        found["headline"] = headed
    if any(measure.alone for measure in used) and (words := alone_words(methods)):
        found["alone"] = words
    if not all(found["clients"].values()):
        return {**found, "differences": [], "why": "no client of this kind was usable in every run"}
    for index, method in enumerate(methods):
        own = [rows[seed][index] for seed in seeds]
        found["methods"][method.name] = {measure.name: of_one(measure, own, kinds, seeds) for measure in used}
    differences = []
    for one, other in pairs:
        for measure in used:
            couples = [(rows[seed][one], rows[seed][other]) for seed in seeds]
            names = {"one": methods[one].name, "minus": methods[other].name, "measure": measure.name}
            differences.append({**names, **of_two(measure, couples, kinds)})
    for entry, adjusted in zip(differences, holm([entry["p"] for entry in differences]), strict=True):
        entry["p_holm"] = adjusted
        entry["verdict"] = verdict(entry)
    return {**found, "differences": differences}


def with_alone(methods: Sequence[Method], seed: int) -> list[Replicate]:
    """Return the methods' replicates of one seed; what clients reach alone, where one study has it, holds for all."""
    replicates = [method.seeds[seed] for method in methods]
    known = next((replicate.alone for replicate in replicates if replicate.alone is not None), None)
    return [replace(replicate, alone=replicate.alone or known) for replicate in replicates]


def alone_words(methods: Sequence[Method]) -> str:
    """Say what "alone" is: the reference ``local``, its settings and steps; empty where its record is not at hand."""
    every = [one for method in methods for one in (method, *method.references.values())]
    settings = [(one.first.manifest.get("experiment") or {}).get("algorithm") or {} for one in every]
    local = next((pair for pair in zip(every, settings, strict=True) if pair[1].get("name") == ALONE), None)
    if local is None:
        return ""
    after = f"{(count := steps(local[0]))} step{'s' * (count != 1)}"
    return f"Alone: the reference {component(local[1])}, evaluated after {after}, on the same clients."


def chosen(people: Panel, part: str, family: str | None) -> Values:
    """Mark the clients of a part and a family ``(C,)``."""
    mask = np.ones(len(people), bool) if part == "all" else people.seen == (part == "seen")
    return np.asarray(mask & (people.family.astype(str) == family) if family is not None else mask)


def of_one(measure: Measure, served: Sequence[Served], kinds: Kinds, seeds: Sequence[int]) -> dict[str, Any]:
    """Estimate one measure of one method: over seeds, or over the clients of a single one."""
    columns = [measure.values(each, kinds)[None] for each in served]
    estimate, each = estimated(measure, columns, lambda values: np.asarray(measure.metric.rows(values[0])))
    people = served[0].people
    if len(columns) == 1:
        own = columns[0][0]
        bounds = measure.bounds(people, kinds)
        estimate = (
            share_interval(int(own.sum()), len(own)) if measure.share else metric_interval(measure.metric, own, *bounds)
        )
    elif estimate.low is not None and estimate.high is not None:
        least, most = measure.limits(people, kinds)
        estimate = estimate._replace(low=max(least, estimate.low), high=min(most, estimate.high))
        estimate = where_it_holds(estimate, measure, columns, isfinite(measure.bounds(people, kinds)[0]), "own")
    values = [None] * len(seeds) if each is None else each.tolist()
    return {**estimate._asdict(), "points": dict(zip(map(str, seeds), values, strict=True))}


def of_two(measure: Measure, couples: Sequence[tuple[Served, Served]], kinds: Kinds) -> dict[str, Any]:
    """Estimate the difference of one measure between two methods, and test it over seeds where there are enough.

    Of a single seed the interval is over its clients, paired; it says nothing of other seeds.
    """
    columns = [np.stack([measure.values(one, kinds), measure.values(other, kinds)]) for one, other in couples]
    # a difference and its opposite have the same interval but for the sign, whichever is asked for
    opposite = columns[0][0].tobytes() > columns[0][1].tobytes()
    if opposite:
        columns = [values[::-1] for values in columns]

    def statistic(values: Values) -> Values:
        return np.asarray(measure.metric.rows(values[0]) - measure.metric.rows(values[1]))

    estimate, each = estimated(measure, columns, statistic)
    if len(columns) == 1:
        one, other = columns[0]
        least, most = measure.bounds(couples[0][0].people, kinds)
        estimate = (
            share_difference_interval(one, other)
            if measure.share
            else difference_interval(measure.metric, one, other, least, most)
        )
    else:
        bounded = isfinite(measure.bounds(couples[0][0].people, kinds)[0])
        estimate = where_it_holds(estimate, measure, columns, bounded, "difference")
    if opposite:
        estimate = negated(estimate)
    enough = each is not None and len(each) >= FEWEST_SEEDS
    return {
        **estimate._asdict(),
        "p": sign_flip(each, stream(0, "compare/signs")) if enough and each is not None else None,
    }


def estimated(measure: Measure, columns: Sequence[Values], statistic: Statistic) -> tuple[Estimate, "Values | None"]:
    """Estimate ``statistic`` over seeds, and return its value of each seed; None where it is undefined for one."""
    rows = (row for values in columns for row in values)
    reason = next((reason for row in rows if (reason := measure.metric.undefined(row)) is not None), None)
    if reason is not None:
        return without_interval(None, len(columns), reason), None
    each = points(columns, statistic)
    return seeds_interval(each, measure.metric.of_tail), each


def where_it_holds(
    estimate: Estimate, measure: Measure, columns: Sequence[Values], bounded: bool, of: Literal["own", "difference"]
) -> Estimate:
    """Return an estimate over seeds, without its interval where that does not hold for clients as few as these."""
    clients = min(values.shape[1] for values in columns)
    reason = lacks_over_seeds("share" if measure.share else measure.metric, clients, bounded, of)
    return without_interval(estimate.value, estimate.n, reason) if reason and estimate.low is not None else estimate


def negated(estimate: Estimate) -> Estimate:
    """Return the estimate of the opposite number."""
    value, low, high = (None if end is None else -end for end in estimate[:3])
    return estimate._replace(value=value, low=high, high=low)


def verdict(entry: Mapping[str, Any]) -> str:
    """Say what is known of a difference.

    Returns:
        ``holds``: the exact test finds it, corrected for the number of comparisons. ``suggested``: its own interval
        excludes 0, which says nothing of the others that were looked at. ``open``: neither. ``points``: too few seeds.
    """
    if entry["value"] is None or entry["p"] is None:
        return "points"
    if entry["p_holm"] <= LEVEL:
        return "holds"
    if entry["low"] is not None and (entry["low"] > 0 or entry["high"] < 0):
        return "suggested"
    return "open"


def remarks(found: Mapping[str, Any]) -> list[str]:
    """Say what the table's intervals and verdicts rest on, and what they cannot say."""
    count, several = len(found["seeds"]), len(found["differences"])
    sentences = [*named_scores(found.get("headline", {})), intervals(count)]
    if count < FEWEST_SEEDS and several:
        sentences.append(
            f"Which of {several} differences hold is known from {seeds_needed(several)} seeds on (--seeds)."
        )
    least = min(1.0, smallest_p(count) * several)
    if count >= FEWEST_SEEDS and several and least > LEVEL:
        pairs = len({(entry["one"], entry["minus"]) for entry in found["differences"]})
        measures = int(LEVEL / smallest_p(count)) // pairs
        fewer = f", or at most {measures} of the --metrics of {called('compare')}" if measures else ""
        sentences.append(
            f"An exact test of {several} differences by {count} seeds cannot reach p ≤ {LEVEL:g} after Holm's"
            f" correction; {seeds_needed(several)} seeds can{fewer}."
        )
    if found["left_out"]:
        sentences.append(f"{found['left_out']} clients have no usable score in some run and are left out of all.")
    shown = {measure for cells in found.get("methods", {}).values() for measure in cells}
    sentences += [RULE] if "harmed" in shown else []
    sentences += [found["alone"]] if "alone" in found else []
    if found.get("why"):
        sentences.append(f"Nothing can be compared: {found['why']}.")
    return sentences


def intervals(seeds: int) -> str:
    """Say what intervals are over."""
    if seeds == 1:
        return f"Intervals are over the clients of one seed; they say nothing of other seeds. {BRACKETS}"
    if seeds < FEWEST_SEEDS:
        return f"{seeds} seeds: points only. There are intervals from {FEWEST_SEEDS} seeds on."
    return f"95 % intervals over {seeds} seeds with as many clients, paired where they are of differences."
