"""Simple references across the seeds of a method: seeds are the replicates, and clients are paired within them."""

from typing import Any

import numpy as np

from metafed.core.digits import digits
from metafed.fairness.metrics import Values
from metafed.fairness.panel import Panel
from metafed.fairness.references import LEAD, names, pairs, verdict
from metafed.fairness.replicates import points, seeds_interval
from simulation.records.methods import Method
from simulation.records.runs import parquet

FILE = "references.parquet"
"""A row a client and reference, in the folder of a run."""


def across_seeds(method: Method, part: str) -> dict[str, Any]:
    """Compare a method with the references of its runs, over seeds, paired by client; empty where a seed has none.

    Args:
        method: The method.
        part: ``unseen`` or ``seen`` clients.

    Returns:
        By reference: the means ``method`` and ``reference``, and the ``difference`` (method less reference).
    """
    files = {seed: own.run.folder / FILE for seed, own in method.seeds.items()}
    if not all(path.is_file() for path in files.values()):
        return {}
    tables = {seed: parquet(path) for seed, path in files.items()}
    found: dict[str, Any] = {}
    for name in names(next(iter(tables.values()))):
        columns = [np.stack(pairs(of(own.people, part), tables[seed], name)) for seed, own in method.seeds.items()]
        if all(column.size for column in columns):
            estimate = seeds_interval(points(columns, lower))
            means = np.mean([column.mean(1) for column in columns], 0)
            found[name] = {"method": means[0], "reference": means[1], "difference": estimate._asdict()}
    return found


def of(people: Panel, part: str) -> Panel:
    """Return the clients of a part that have scores."""
    usable = people.usable
    return usable.where(usable.seen == (part == "seen"))


def lower(values: Values) -> Values:
    """Return the mean difference of each resample, from columns ``(2, R, n)``."""
    return np.asarray((values[0] - values[1]).mean(-1))


def sentences(found: dict[str, Any], part: str) -> list[str]:
    """Say which references are not beaten across seeds, and by how much."""
    written = []
    for name, own in found.items():
        value, low, high = (own["difference"][end] for end in ("value", "low", "high"))
        shown = verdict(low, high)
        if shown == "beaten":
            continue
        interval = "" if low is None else f" [{digits(low, sign='+')}, {digits(high, sign='+')}]"
        written.append(
            f"{LEAD[shown]}: the reference {name} reaches {digits(own['reference'])} where the method has"
            f" {digits(own['method'])}, a difference of {digits(value, sign='+')}{interval}: {part} clients,"
            " mean of seeds."
        )
    return written
