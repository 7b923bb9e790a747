"""What the last evaluation's predictions say of attributes of rows: client by client, and over all clients."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metafed.core.streams import stream
from metafed.fairness.attributes import MEASURES, Counts, Values, by_chance, counted, differences, over_all, why_none
from metafed.fairness.intervals import mean_interval

if TYPE_CHECKING:
    import polars as pl

ATTRIBUTE = "attribute."
"""What the name of a column of predictions begins with that has an attribute of rows."""
PARTS = ("seen", "unseen")
"""The parts of the clients of which numbers are given."""


class Part(NamedTuple):
    """The rows of one part of a family's clients, by one attribute.

    Attributes:
        family: The family.
        attribute: The attribute.
        part: seen or unseen.
        values: Values of the attribute that a row has.
        client: The clients ``(C,)``.
        name: What the data call them.
        before: Counts of each client before adaptation ``(C, A, K, K)``.
        after: After it.
        missing: Rows without a value or, once adapted, without a finite prediction; they are in no count.
    """

    family: str
    attribute: str
    part: str
    values: list[str]
    client: list[int]
    name: list[str | None]
    before: Counts
    after: Counts
    missing: int


def by_attribute(predictions: "pl.DataFrame", seed: int) -> tuple[list[dict[str, Any]], "pl.DataFrame"]:
    """Return the entries of ``summary.json``'s ``attributes``, and the rows of ``attributes.parquet``.

    Args:
        predictions: The rows of ``predictions.parquet``, of which the last round counts.
        seed: The run's, for shuffles and resamples.
    """
    import polars as pl

    found = list(_parts(predictions))
    entries = [_entry(part, stream(seed, "attributes", number)) for number, part in enumerate(found)]
    schema = {
        "family": pl.String, "part": pl.String, "client": pl.Int64, "name": pl.String, "attribute": pl.String,
        "adapted": pl.Boolean, "rows": pl.Int64, **dict.fromkeys(MEASURES, pl.Float64), "why": pl.String,
    }  # fmt: skip
    return entries, pl.DataFrame([row for part in found for row in _single(part)], schema=schema, orient="row")


def _parts(predictions: "pl.DataFrame") -> Iterator[Part]:
    import polars as pl

    classes = predictions.filter(pl.col("target").is_not_null())
    classes = classes.filter(pl.col("round") == pl.col("round").max())
    for column in (name for name in predictions.columns if name.startswith(ATTRIBUTE)):
        for family in classes.filter(pl.col(column).is_not_null())["family"].unique().sort():
            for part in PARTS:
                rows = classes.filter(pl.col("family") == family, pl.col("part") == part)
                if len(rows):
                    yield _part(rows, column, str(family), part)


def _part(rows: "pl.DataFrame", column: str, family: str, part: str) -> Part:
    import polars as pl

    usable = rows.filter(pl.col(column).is_not_null(), pl.col("prediction").is_not_null())
    values = usable[column].unique().sort().to_list()
    people = usable.select("client", "name").unique().sort("client")
    classes = int(rows["probabilities"].list.len().max())  # type: ignore[arg-type]
    place, sides = {value: number for number, value in enumerate(values)}, []
    for adapted in (False, True):
        side = usable.filter(pl.col("adapted") == adapted)
        own = side["client"].to_numpy(), np.array([place[v] for v in side[column]], np.int64)
        target, prediction = (side[name].to_numpy().astype(np.int64) for name in ("target", "prediction"))
        who = np.searchsorted(people["client"].to_numpy(), own[0])
        cells = counted(who * len(values) + own[1], target, prediction, len(people) * len(values), classes)
        sides.append(cells.reshape(len(people), len(values), classes, classes))
    before, after = sides
    missing = int(rows["adapted"].sum()) - int(after.sum())
    names = people["name"].to_list()
    return Part(
        family, column.removeprefix(ATTRIBUTE), part, values, people["client"].to_list(), names, before, after, missing
    )


def _entry(part: Part, rng: np.random.Generator) -> dict[str, Any]:
    single = {"before": differences(part.before), "after": differences(part.after)}
    rows = part.after.sum((0, 2, 3)).tolist()
    entry: dict[str, Any] = {
        "family": part.family,
        "attribute": part.attribute,
        "part": part.part,
        "clients": len(part.client),
        "values": dict(zip(part.values, rows, strict=True)),
        "missing": part.missing,
    }
    for side, counts in (("before", part.before), ("after", part.after)):
        chance, of_mean, most = by_chance(counts, rng)
        whole = over_all(counts, part.values, chance, rng, most)
        entry[side] = {
            measure: {
                "all": whole[measure]._asdict(),
                "clients": {**_mean(single[side][measure], 0.0), "chance": of_mean.get(measure)},
            }
            for measure in MEASURES
        }
    entry["change"] = {
        measure: _mean(single["after"][measure] - single["before"][measure], -1.0) for measure in MEASURES
    }
    return entry


def _mean(values: Values, least: float) -> dict[str, Any]:
    """Return the mean of those clients that have a number, with its interval, and how many they are."""
    return mean_interval(values[~np.isnan(values)], least, 1.0)._asdict()


def _single(part: Part) -> Iterator[dict[str, Any]]:
    """Yield a row a client, before adaptation and after."""
    both = [(False, part.before, differences(part.before)), (True, part.after, differences(part.after))]
    for place, (client, name) in enumerate(zip(part.client, part.name, strict=True)):
        for adapted, counts, found in both:
            numbers = {measure: float(values[place]) for measure, values in found.items()}
            reasons = dict.fromkeys(filter(None, (why_none(counts[place], each, part.values) for each in MEASURES)))
            yield {
                "family": part.family,
                "part": part.part,
                "client": client,
                "name": name,
                "attribute": part.attribute,
                "adapted": adapted,
                "rows": int(counts[place].sum()),
                **{measure: None if np.isnan(value) else value for measure, value in numbers.items()},
                "why": "; ".join(reasons) or None,
            }
