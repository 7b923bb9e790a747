"""``predictions.parquet``: a row for each evaluation row of a client, before adaptation and after."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from metafed.fairness.panel import VALIDATION
from metafed.fairness.rows import ATTRIBUTE, by_attribute
from metafed.federation.federation import Federation
from metafed.messages.packing import Rows
from server.files import draft
from server.record.tables import PREDICTIONS


def keep_attributes(folder: Path, seed: int) -> dict[str, Any]:
    """Write ``attributes.parquet``, atomically, and return ``summary.json``'s ``attributes``.

    Nothing is written, and nothing returned, where no predictions are kept, or no row has an attribute.
    """
    path = folder / PREDICTIONS.file
    if not path.exists():
        return {}
    entries, clients = by_attribute(pl.read_parquet(path, glob=False), seed)
    if not entries:
        return {}
    with draft(folder / "attributes.parquet") as beside:
        clients.write_parquet(beside)
    return {"attributes": entries}


def predictions_of(server_round: int, rows: Rows, federation: Federation) -> "pl.DataFrame | None":
    """Return what is kept of a table's predictions; None where it has none.

    Classes have ``target``, ``prediction`` and ``probabilities``; numbers have ``target_values`` and
    ``predicted_values``. What is not finite is null. The client is the slow axis, then ``adapted``.
    """
    found, roster = rows.predictions, federation.roster
    if found is None:
        return None
    sizes = rows.sizes[:, 2]
    stops = np.cumsum(sizes)
    # each client's rows twice: first those before, then those after adaptation
    order = np.concatenate([np.tile(np.arange(b - n, b), 2) for n, b in zip(sizes, stops, strict=True)])
    adapted = np.concatenate([np.repeat([False, True], n) for n in sizes])
    output = np.where(adapted[:, None], found.after[order], found.before[order])
    client = np.repeat(rows.client, 2 * sizes)
    names = list(rows.name) or [""] * len(rows.client)
    family = roster.family(int(rows.client[0])) if len(rows.client) else ""
    columns: dict[str, tuple[Any, Any]] = {
        "round": (np.full(len(client), server_round), pl.Int32),
        "client": (client, pl.Int64),
        "name": (np.repeat(np.array(names, np.str_), 2 * sizes).tolist(), pl.String),
        "family": ([family] * len(client), pl.String),
        "group": (np.repeat(np.array(rows.group, np.str_), 2 * sizes).tolist(), pl.String),
        "part": (np.repeat([part_of(int(c), federation) for c in rows.client], 2 * sizes).tolist(), pl.String),
        "adapted": (adapted, pl.Boolean),
        "row": (found.row[order], pl.Int32),
        **_values(federation, family, found.target[order], output),
    }
    for name in attributes_of(federation):
        own = found.attributes.get(name)
        values = [None] * len(order) if own is None else [own[index] or None for index in order]
        columns[ATTRIBUTE + name] = (values, pl.String)
    frame = pl.DataFrame({name: pl.Series(values, dtype=dtype) for name, (values, dtype) in columns.items()})
    return frame.with_columns(name=pl.when(pl.col("name") != "").then(pl.col("name")))


def part_of(client: int, federation: Federation) -> str:
    """Return whether a client is seen, unseen or a validation client."""
    roster = federation.roster
    return VALIDATION if roster.validates(client) else "seen" if client < roster.seen else "unseen"


def attributes_of(federation: Federation) -> list[str]:
    """Return the names of the attributes that rows of a run can have, each once."""
    own = (federation.population.attributes(choice.family.name) for choice in federation.choices)
    return list(dict.fromkeys(name for names in own for name in names))


def _values(federation: Federation, family: str, target: np.ndarray, output: np.ndarray) -> dict[str, tuple[Any, Any]]:
    """Return the columns of targets and predictions, those of the other kind null."""
    count = len(target)
    nothing: list[None] = [None] * count
    finite = np.isfinite(output).all(axis=1).tolist()
    lists = [row if ok else None for row, ok in zip(output.tolist(), finite, strict=True)]
    kinds = {choice.family.name: choice.kind for choice in federation.choices}
    classes = kinds.get(family) == "classification"
    best = [int(index) if ok else None for index, ok in zip(output.argmax(axis=1), finite, strict=True)]
    return {
        "target": (target[:, 0].astype(np.int64) if classes else nothing, pl.Int32),
        "prediction": (best if classes else nothing, pl.Int32),
        "probabilities": (lists if classes else nothing, pl.List(pl.Float64)),
        "target_values": (nothing if classes else target.tolist(), pl.List(pl.Float64)),
        "predicted_values": (nothing if classes else lists, pl.List(pl.Float64)),
    }
