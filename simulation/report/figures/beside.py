"""Several methods beside one another, as numbers: over seeds, or over the clients of one seed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simulation.analysis.differences import comparison, remarks
from simulation.analysis.measures import USUAL
from simulation.records.methods import Method


class Beside(NamedTuple):
    """What is known of some methods' clients of one family, or of all.

    Attributes:
        family: None for all.
        seeds: How many seeds all of them have.
        clients: How many clients, in the first seed.
        measures: Names of the measures, in order.
        methods: By name, each measure's estimate (``value``, ``low``, ``high``, ``n``, ``method``, ``points``).
        differences: Each method minus the first, likewise, with ``one``, ``measure``, ``verdict``.
        remarks: What these numbers rest on.
    """

    family: str | None
    seeds: int
    clients: int
    measures: list[str]
    methods: dict[str, dict[str, Any]]
    differences: list[dict[str, Any]]
    remarks: list[str]


def beside(methods: Sequence[Method], part: str, family: str | None) -> Beside:
    """Put ``methods`` beside one another, on the clients that all of them served.

    With one seed the intervals are over its clients, paired in differences: they say nothing of other seeds. With two
    to four seeds there are none.

    Raises:
        ValueError: They have no seed or client in common, or a client differs between them.
    """
    pairs = [(index, 0) for index in range(1, len(methods))]
    found = comparison(methods, pairs, part, family, USUAL)
    known = [name for name in USUAL if all(name in measures for measures in found["methods"].values())]
    clients = next(iter(found["clients"].values()))
    return Beside(family, len(found["seeds"]), clients, known, found["methods"], found["differences"], remarks(found))


def standing(table: Beside, measure: str, best: str) -> str:
    """Say the verdict of the differences that the highest number rests on: its own from the first, or all others'."""
    own = [
        entry for entry in table.differences if entry["measure"] == measure and best in (entry["one"], entry["minus"])
    ]
    verdicts = {entry["verdict"] for entry in own}
    if not verdicts:
        return ""
    if verdicts == {"points"}:
        return " (whether a difference holds is not known)"
    lowest = next(word for word in ("points", "open", "suggested", "holds") if word in verdicts)
    return f" ({'a difference' if len(own) > 1 else 'its difference from ' + other(own[0], best)}: {lowest})"


def other(entry: Mapping[str, Any], name: str) -> str:
    """Return the other of the two methods of a difference."""
    return str(entry["minus"] if entry["one"] == name else entry["one"])
