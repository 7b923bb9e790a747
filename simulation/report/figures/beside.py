"""Several methods beside one another, as numbers: over seeds, or over the clients of one seed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from metafed.core.streams import stream
from metafed.fairness import metrics as fairness
from metafed.fairness.intervals import (
    CONFIDENCE,
    FEWEST_IN_TAIL,
    FEWEST_TO_BOOTSTRAP,
    RESAMPLES,
    Estimate,
    bootstrap_interval,
    mean_interval,
    share_interval,
    without_interval,
)
from metafed.fairness.metrics import Metric, Values, tail_size
from simulation.analysis.differences import chosen, comparison, remarks, with_alone
from simulation.analysis.measures import MEASURES, USUAL, paired
from simulation.analysis.tables import SHARES
from simulation.records.methods import Method, kinds_of


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
    if len(found["seeds"]) == 1 and found["methods"]:
        over_clients(methods, found, part, family, known)
    return Beside(family, len(found["seeds"]), clients, known, found["methods"], found["differences"], remarks(found))


def over_clients(
    methods: Sequence[Method], found: dict[str, Any], part: str, family: str | None, known: Sequence[str]
) -> None:
    """Give the numbers of a single seed their intervals over clients."""
    seed = found["seeds"][0]
    kinds = kinds_of(methods[0])
    served, _ = paired(with_alone(methods, seed), lambda people: chosen(people, part, family))
    for name in known:
        columns = [MEASURES[name].values(each, kinds) for each in served]
        for method, values in zip(methods, columns, strict=True):
            own = found["methods"][method.name][name]
            own |= alone(name, values, f"{family}/{name}/{method.name}")._asdict()
        for entry in found["differences"]:
            if entry["measure"] == name:
                index = next(i for i, method in enumerate(methods) if method.name == entry["one"])
                entry |= difference(
                    MEASURES[name].metric, columns[index], columns[0], f"{family}/{name}/{index}"
                )._asdict()


def alone(name: str, values: Values, address: str) -> Estimate:
    """Return one measure of one method with its interval over clients."""
    metric = MEASURES[name].metric
    if name in SHARES:
        return share_interval(int(values.sum()), len(values))
    if metric is fairness.mean:
        return mean_interval(values, most=1.0 if name == "after" else np.inf)
    if short_tail(metric, len(values)):
        return without_interval(metric(values), len(values), f"fewer than {FEWEST_IN_TAIL} clients in the tail")
    return bootstrap_interval(metric, values, stream(0, f"report/{address}"))


def difference(metric: Metric, one: Values, other: Values, address: str) -> Estimate:
    """Return the difference of a metric between two methods' scores of the same clients, with its interval over them.

    Of means: Student's t of the differences. Of others: a paired percentile bootstrap.
    """
    if metric is fairness.mean:
        return mean_interval(one - other)
    a, b, n = metric(one), metric(other), len(one)
    if a is None or b is None:
        return without_interval(None, n, "undefined for one of them")
    if short_tail(metric, n):
        return without_interval(a - b, n, f"fewer than {FEWEST_IN_TAIL} clients in the tail")
    if n < FEWEST_TO_BOOTSTRAP:
        return without_interval(a - b, n, f"fewer than {FEWEST_TO_BOOTSTRAP} clients")
    drawn = stream(0, f"report/paired/{address}").integers(n, size=(RESAMPLES, n))
    resampled = np.asarray(metric.rows(one[drawn]) - metric.rows(other[drawn]))
    if not np.isfinite(resampled).all() or np.ptp(resampled) == 0:
        return without_interval(a - b, n, "undefined on some resamples, or all are equal")
    low, high = (float(end) for end in np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    return Estimate(a - b, min(low, a - b), max(high, a - b), n, "paired bootstrap, percentile")


def short_tail(metric: Metric, n: int) -> bool:
    """Say whether a metric is of a tail with too few clients for an interval."""
    return metric is fairness.worst10 and tail_size(n) < FEWEST_IN_TAIL
