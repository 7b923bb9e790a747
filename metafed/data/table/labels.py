"""The picture of labels a client, in a few lines of text: what a partition made of a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metafed.data.files.bounds import readable
from metafed.data.table.description import Description
from metafed.data.table.index import Index
from metafed.data.table.tables import Table

CLIENTS, LABELS, BLOCKS = 20, 6, 40
"""Clients, labels of each that are listed, and labels that have a block."""
RECORDED = 120
"""Clients whose rows of each label a run records."""
LEVELS = "·▁▂▃▄▅▆▇█"
"""A label's block, from no row to as many as the largest label of the clients shown."""
NAMED = 10
"""Names of skipped clients, or of classes, that a note lists."""


def counted(table: Table, index: Index, target: str, classes: Sequence[str]) -> dict[int, np.ndarray]:
    """Return how many rows of each class ``(classes,)`` each client of a partition has, by its number."""
    import polars as pl

    label = pl.col(target).cast(pl.String)
    with readable(table.path):
        found = index.frame.group_by(pl.col(index.client).alias("client"), label.alias("label")).len().collect()
    counts: dict[int, np.ndarray] = {}
    place = {name: number for number, name in enumerate(classes)}
    for client, name, rows in found.iter_rows():
        counts.setdefault(client, np.zeros(len(classes), np.int64))[place[name]] += rows
    return counts


def label_table(counts: Mapping[int, np.ndarray], labels: Sequence[object]) -> list[str]:
    """Return a heading and a line a client: name, rows, a block a label, most frequent labels with their rows.

    Args:
        counts: By client, rows of each label ``(classes,)``.
        labels: What the labels are called.
    """
    shown = sorted(counts)[:CLIENTS]
    width = max(len("client"), *(len(f"{client}") for client in shown))
    largest = max(1, *(int(counts[client].max()) for client in shown))
    blocks = min(BLOCKS, len(labels))
    lines = [f"{'client':>{width}}  {'rows':>7}  {'':{blocks}}  labels"]
    for client in shown:
        own = counts[client]
        # rounded up, so that a single row is seen
        levels = np.ceil(own[:blocks] / largest * (len(LEVELS) - 1)).astype(int)
        picture = "".join(LEVELS[level] for level in levels)
        lines.append(f"{client:>{width}}  {own.sum():>7,}  {picture}  {_listed(own, labels)}")
    return lines + ([f"and {len(counts) - CLIENTS:,} more clients"] if len(counts) > CLIENTS else [])


def label_rows(source: Any) -> dict[str, Any]:
    """Return the labels of a source of dealt rows, and their rows by client, of ``RECORDED`` clients; empty of others.

    It is what the manifest keeps: by client, the rows of each label.
    """
    dealt: Mapping[int, np.ndarray] = getattr(source, "dealt", {})  # other sources have none
    if not dealt:
        return {}
    rows = {f"{client}": dealt[client].tolist() for client in sorted(dealt)[:RECORDED]}
    return {"labels": [str(label) for label in source.labels], "clients": len(dealt), "rows": rows}


def _listed(counts: np.ndarray, labels: Sequence[object]) -> str:
    order = [place for place in np.argsort(-counts, kind="stable") if counts[place]]
    more = f" and {len(order) - LABELS} more" if len(order) > LABELS else ""
    return ", ".join(f"{labels[place]}: {counts[place]:,}" for place in order[:LABELS]) + more


def listed(names: Sequence[str]) -> str:
    """Return names in a line, the first of many."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def about_classes(description: Description, classes: Sequence[str]) -> str:
    """Return how many classes there are, and which."""
    if description.anonymous:
        return f"at most {len(classes)} classes that are the client's own: the same label of two clients means nothing"
    return f"{len(classes)} classes: {listed(classes)}"


def typed(content: str, classes: Sequence[str]) -> tuple[str | int | float | bool, ...]:
    """Return classes as a column of this content holds them, not all as texts."""
    of: dict[str, Callable[[str], str | int | float | bool]] = {
        "integer": int, "number": float, "bool": lambda text: text == "true",
    }  # fmt: skip
    return tuple(of.get(content, str)(label) for label in classes)
