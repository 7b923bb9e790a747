"""What a partition gave whom: each client's rows by label, a heat map a family."""

from typing import Any

import numpy as np

from simulation.report.drawing.plot import Axis, Box, Cells, Figure, Mark
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.figures.adaptation import cut
from simulation.report.figures.base import OneRun

SHOWN_CLASSES = 40
"""Classes that are drawn, those with most rows."""
SHADES = 10
"""Strengths of a colour in a heat map."""
LETTERS, FEWEST_LETTERS, LONGEST = 60, 4, 8
"""Letters below a panel, of a label at least, and of a client's name."""
ROW, HIGHEST = 14.0, 420.0
"""Pixels of a client's row, and of a panel at most."""


def labels(run: OneRun) -> Figure | None:
    """Draw how many rows of each label the clients have that a partition made; None where there is no partition."""
    made = {
        family: data["label_rows"] for family, data in run.run.manifest.get("data", {}).items() if "label_rows" in data
    }
    if not made:
        return None
    drawn, rows = [], []
    for family, found in made.items():
        panel, own = one(family, found)
        drawn.append(panel)
        rows += own
    return Figure(
        key="labels",
        title="Labels of each client",
        finding=" ".join(finding(family, found) for family, found in made.items()),
        caption=(
            "A row is a client as the partition made it, a column a label. The stronger the colour, the more of the"
            f" client’s rows have the label. Of more than {SHOWN_CLASSES} labels those with most rows are drawn."
        ),
        panels=drawn,
        columns=("family", "client", "label", "rows"),
        rows=rows,
    )


def finding(family: str, found: dict[str, Any]) -> str:
    """Say how many labels a client has, and how many rows."""
    rows = np.array(list(found["rows"].values()))
    held, sizes = (rows > 0).sum(1), rows.sum(1)
    return (
        f"A client of {family} has {np.median(held):g} of {rows.shape[1]} labels ({held.min()} to {held.max()}) and"
        f" {np.median(sizes):,.0f} rows ({sizes.min():,} to {sizes.max():,}), in the median."
    )


def one(family: str, found: dict[str, Any]) -> tuple[Drawn, list[tuple[str, str, str, int]]]:
    """Draw one family, and return its numbers; a cell says its own when it is pointed at."""
    rows = np.array(list(found["rows"].values()))
    columns = np.sort(np.argsort(-rows.sum(0), kind="stable")[:SHOWN_CLASSES])
    names = [found["labels"][column] for column in columns]
    shown = (rows / np.maximum(rows.sum(1, keepdims=True), 1))[:, columns]
    marks: list[Mark] = [*shaded(shown)]
    for place, (client, counts) in enumerate(zip(found["rows"], rows[:, columns], strict=True)):
        listed = ", ".join(f"{name}: {count:,}" for name, count in zip(names, counts, strict=True) if count)
        y = len(rows) - place
        marks.append(Box((0, len(names)), (y - 1, y), "after", 0.0, f"client {client}: {listed}", ""))
    letters = LETTERS // max(1, len(names))
    named = [(at + 0.5, cut(name, letters)) for at, name in enumerate(names)] if letters >= FEWEST_LETTERS else []
    few = len(rows) <= HIGHEST / ROW
    ticks = (
        [(len(rows) - place - 0.5, cut(client, LONGEST)) for place, client in enumerate(found["rows"])] if few else []
    )
    some = f"{len(rows)} of {found['clients']:,} clients" if len(rows) < found["clients"] else f"{len(rows)} clients"
    drawn = Drawn(
        name=family,
        measure="",
        words=((some, "muted"), (f"strongest: {shown.max(initial=0):.0%} of its rows", "after")),
        x=Axis(0, len(names), named, "label"),
        y=Axis(0, len(rows), ticks if few else (), "client"),
        marks=marks,
        says=finding(family, found),
        height=min(HIGHEST, ROW * max(len(rows), 6)),
        width=380.0,
    )
    numbers = [
        (family, client, label, int(count))
        for client, counts in zip(found["rows"], rows, strict=True)
        for label, count in zip(found["labels"], counts, strict=True)
        if count
    ]
    return drawn, numbers


def shaded(shares: np.ndarray) -> list[Cells]:
    """Return the cells of shares ``(rows, columns)``, the first row on top, stronger where a share is larger."""
    most = max(float(shares.max(initial=0)), 1e-9)
    shade = np.ceil(SHADES * shares / most - 0.05).astype(int)
    cells = []
    for strength in range(1, SHADES + 1):
        row, column = np.nonzero(shade == strength)
        if len(row):
            cells.append(Cells((column + 0.5).tolist(), (len(shares) - row - 0.5).tolist(), "after", strength / SHADES))
    return cells
