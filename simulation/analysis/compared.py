"""Methods side by side, all clients and family by family: what ``simulation.compare`` shows."""

from collections.abc import Sequence
from typing import Any

from simulation.analysis.choices import checked_metrics, families, has_unseen
from simulation.analysis.comparable import check_comparable
from simulation.analysis.differences import comparison, remarks
from simulation.analysis.good import warnings
from simulation.cli.errors import BadInput
from simulation.records.methods import Method

METRICS = "after,worst10,std,gain,harmed,worse_off"
"""What is compared where nothing else is asked for."""


def compared(
    methods: Sequence[Method], metrics: str = METRICS, part: str | None = None, family: str | None = None
) -> dict[str, Any]:
    """Return a comparison as plain data.

    Args:
        methods: What is compared; the first is what the others are compared with.
        metrics: By what: NAME,…
        part: Which clients: unseen, seen or all. Default: unseen ones, or seen ones where nobody is held out.
        family: Of one family only.

    Raises:
        BadInput: The runs cannot be compared, or there is no such metric or family.
    """
    measures = checked_metrics(metrics)
    notes = [note for method in methods for note in method.notes] + check_comparable(methods)
    chosen = part or ("unseen" if any(has_unseen(method) for method in methods) else "seen")
    known = families(methods)
    if family is not None and family not in known:
        raise BadInput(f"--family {family}: the runs have {', '.join(known)}")
    wanted: list[str | None] = [family] if family else [None, *(known if len(known) > 1 else ())]
    pairs = [(index, 0) for index in range(1, len(methods))]
    try:
        overall, *rest = (comparison(methods, pairs, chosen, each, measures) for each in wanted)
    except ValueError as error:
        raise BadInput(f"these runs cannot be compared: {error}") from None
    by_family = {str(found["family"]): found for found in rest}
    bad = warnings(methods, by_family or {"all": overall}, chosen)
    found = {"part": chosen, "notes": notes, "remarks": [*bad, *remarks(overall)]}
    return {**found, "all": overall, "by_family": by_family}
