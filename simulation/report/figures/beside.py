"""Several methods beside one another, as numbers: over seeds, or over the clients of one seed."""

from collections.abc import Sequence
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
