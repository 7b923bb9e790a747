"""Which method is best by a measure, where that holds: what a table may print in bold."""

from collections.abc import Mapping, Sequence
from typing import Any

from metafed.fairness.significance import holm
from simulation.analysis.differences import comparison, verdict
from simulation.analysis.measures import MEASURES
from simulation.records.methods import Method


def best(
    methods: Sequence[Method], part: str, family: str | None, measures: Sequence[str], cells: Mapping[str, Any]
) -> dict[str, str]:
    """Return the name of the best method by each measure, of which its difference from every other one holds.

    Args:
        methods: All that are compared, with seeds in common.
        part: ``unseen``, ``seen`` or ``all`` clients.
        family: Of one family only; None for all.
        measures: The columns. All differences of all of them are corrected together by Holm's method.
        cells: The estimates, by method and measure.

    Returns:
        By measure; one that has no such method is left out.
    """
    tests: dict[str, list[dict[str, Any]]] = {}
    leaders = {measure: leader(cells, measure) for measure in measures if MEASURES[measure].better}
    for measure, name in leaders.items():
        if name is None or len(methods) < 2:
            continue
        own = next(index for index, method in enumerate(methods) if method.name == name)
        pairs = [(own, other) for other in range(len(methods)) if other != own]
        tests[measure] = comparison(methods, pairs, part, family, (measure,))["differences"]
    every = [entry for entries in tests.values() for entry in entries]
    for entry, adjusted in zip(every, holm([entry["p"] for entry in every]), strict=True):
        entry["p_holm"] = adjusted
    return {measure: str(leaders[measure]) for measure, own in tests.items() if own and all(map(shown, own))}


def leader(cells: Mapping[str, Any], measure: str) -> str | None:
    """Return the method with the best value of a measure; None where none has a value."""
    known = {name: own[measure]["value"] for name, own in cells.items() if measure in own}
    known = {name: value * MEASURES[measure].better for name, value in known.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else None


def shown(entry: Mapping[str, Any]) -> bool:
    """Say whether a difference holds by the exact test, and its interval excludes 0."""
    if verdict(entry) != "holds" or entry["low"] is None:
        return False
    return bool(entry["low"] > 0 or entry["high"] < 0)
