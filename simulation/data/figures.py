"""The picture of a population: rows, labels, groups, rows by group."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from simulation.data.portrait import Portrait, distance, shares
from simulation.report.drawing.plot import Axis, Box, Figure, Line, Mark, Panel, Points, Role, Text
from simulation.report.drawing.scale import linear, logarithmic
from simulation.report.figures.adaptation import cut
from simulation.report.figures.distribution import stairs
from simulation.report.figures.labels import SHOWN_CLASSES, shaded

SHOWN_GROUPS = 16
"""Groups that are drawn; the rest are in the table."""
SHOWN_CLIENTS = 120
"""Clients in the heat map at most; of more, some are taken evenly from all."""
WIDTH, HEIGHT, ROW = 430.0, 170.0, 22.0
"""Pixels of a panel, of its plot, and of a group's row in it."""
Words: TypeAlias = Sequence[tuple[str, Role]]
HALVES = ((0.0, "0"), (0.5, "50 %"), (1.0, "100 %"))


def population(who: Portrait, task: str, anonymous: bool) -> Figure:
    """Draw rows of the clients, their labels, the groups, and rows by group.

    Args:
        who: The clients.
        task: What ``--tasks`` calls them.
        anonymous: Whether a class is a slot of the client's own.
    """
    names = who.group_names()[:SHOWN_GROUPS]
    second = targets(who) if who.labels is None else classes(who, who.labels, anonymous)
    return Figure(
        key="population",
        title=f"The clients of {task}",
        finding=f"{len(who.rows)} clients of {len(who.group_names())} groups own {np.median(who.rows):,.0f} rows each"
        " (median).",
        caption=(
            "Rows and targets: height is the share of clients at or below. Labels: a row is a client, and the stronger"
            " a cell's colour, the larger a class is in it. Of groups the largest are drawn; the table below has all."
        ),
        panels=[sizes(who), second, members(who, names), members_rows(who, names)],
        columns=("group", "rows"),
        rows=[(str(group), int(rows)) for group, rows in zip(who.groups, who.rows, strict=True)],
        legend=[task],
    )


def sizes(who: Portrait) -> Panel:
    """Draw the share of clients with at most so many rows."""
    x = rows_axis(who)
    marks: list[Mark] = []
    sides: tuple[tuple[np.ndarray, Role], ...] = ((who.training, "context"), (who.rows, "after"))
    for values, role in sides:
        known = values[np.isfinite(values)].astype(float)
        if len(known):
            marks.append(Line(*stairs(known, x.low, x.high), role))
    words: Words = ((f"all, median {np.median(who.rows):,.0f}", "after"), ("for training", "context"))
    y = Axis(0, 1, HALVES, "clients at or below", grid=True)
    return Panel("Rows", "", words, x, y, marks, f"median {np.median(who.rows):,.0f} of a client", HEIGHT, WIDTH)


def rows_axis(who: Portrait) -> Axis:
    """Return an axis of rows, logarithmic where clients differ so much."""
    low, high = max(1.0, float(who.rows.min())), max(1.0, float(who.rows.max()))
    title = "rows of one client"
    return logarithmic(low, high, title) if high > 8 * low else linear(0, 1.05 * high, title)


def classes(who: Portrait, labels: np.ndarray, anonymous: bool) -> Panel:
    """Draw each client's distribution over classes, a row a client, clients ordered by group and main class."""
    place = {name: place for place, name in enumerate(who.group_names())}
    order = np.lexsort((labels.argmax(1), np.array([place[str(name)] for name in who.groups])))
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(SHOWN_CLIENTS, len(order))).astype(int))]
    columns = np.arange(labels.shape[1])
    if len(columns) > SHOWN_CLASSES:
        columns = np.argsort(-labels.sum(0), kind="stable")[:SHOWN_CLASSES]
    shown = shares(labels)[np.ix_(chosen, columns)]
    most = float(shown.max(initial=0))
    what = "slot of the client's own" if anonymous else "class"
    what += f" (the {SHOWN_CLASSES} of {labels.shape[1]} with most rows)" if len(columns) < labels.shape[1] else ""
    ticks = [*columns] if len(columns) <= 12 else [0, len(columns) - 1]
    some = f"{len(chosen)} of {len(order)} clients" if len(chosen) < len(order) else f"{len(order)} clients"
    return Panel(
        name="Labels",
        measure="",
        words=((some, "muted"), (f"strongest: {most:.0%} of its rows", "after")),
        x=Axis(0, len(columns), [(at + 0.5, f"{at}") for at in ticks], what),
        y=Axis(0, len(shown), (), "clients"),
        marks=shaded(shown),
        says=f"the labels of {some}, a row each; the strongest cell is {most:.0%} of a client's rows",
        height=HEIGHT,
        width=WIDTH,
    )


def targets(who: Portrait) -> Panel:
    """Draw the share of clients whose mean target lies at most so far from that of all."""
    assert who.mean is not None
    assert who.spread is not None
    far = distance(who.rows, who.mean, who.spread)
    x = linear(0, 1.05 * float(far.max(initial=0.0)), "distance of a client's mean, standard deviations")
    y = Axis(0, 1, HALVES, "clients at or below", grid=True)
    median = f"median {np.median(far):.2f}"
    marks = [Line(*stairs(far, x.low, x.high), "after", says=median)]
    return Panel("Targets", "", ((median, "after"),), x, y, marks, f"{median} from everybody's mean", HEIGHT, WIDTH)


def members(who: Portrait, names: list[str]) -> Panel:
    """Draw how many clients each group has."""
    marks: list[Mark] = []
    counts = [int((who.groups == name).sum()) for name in names]
    for place, (name, count) in enumerate(zip(names, counts, strict=True)):
        middle = len(names) - place - 0.5
        marks.append(Box((0, count), (middle - 0.38, middle + 0.38), "context", 1.0, f"{name}: {count} clients", ""))
        marks.append(Text(count, middle, f"{count}", "ink", dx=5, dy=4))
    everything = len(who.group_names())
    hidden = f", the {len(names)} largest shown" if everything > len(names) else ""
    x = linear(0, 1.12 * max(counts, default=1), "clients")
    return by_group("Groups", names, ((f"{everything} groups{hidden}", "muted"),), x, marks, f"{everything} groups")


def members_rows(who: Portrait, names: list[str]) -> Panel:
    """Draw each client's rows, a line a group, with the group's median."""
    marks: list[Mark] = []
    for place, name in enumerate(names):
        rows, middle = np.sort(who.rows[who.groups == name]), len(names) - place - 0.5
        median = float(np.median(rows))
        marks.append(Points(rows.tolist(), [middle] * len(rows), "after", radius=2.2, opacity=0.3))
        says = f"{name}: median {median:,.0f}"
        marks.append(Line((median, median), (middle - 0.36, middle + 0.36), "before", says=says))
    words: Words = (("client", "after"), ("median", "before"))
    return by_group("Rows by group", names, words, rows_axis(who), marks, "the rows of each group's clients")


def by_group(name: str, names: list[str], words: Words, x: Axis, marks: Sequence[Mark], says: str) -> Panel:
    """Return a panel with a row a group, the first on top."""
    y = Axis(0, len(names), [(len(names) - place - 0.5, cut(group)) for place, group in enumerate(names)])
    return Panel(name, "", words, x, y, marks, says, ROW * max(3, len(names)), WIDTH)
