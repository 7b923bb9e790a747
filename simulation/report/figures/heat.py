"""Which groups of a family are served below it: a heat map of group × family, or by who they are within one."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from metafed.fairness.groups import SMALL, group_means
from metafed.fairness.intervals import Estimate
from metafed.fairness.panel import Panel
from simulation.report.drawing.plot import Axis, Box, Figure, Mark, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.estimates import score_interval
from simulation.report.figures.adaptation import cut
from simulation.report.figures.base import OneRun
from simulation.report.words import between, families, group_name, listed, measure, short

ROWS_SHOWN = 12
ROW = 50.0
"""Pixels of a row."""
MOST_IN_A_NARROW_PANEL = 3
"""Columns; more of them get a broader one, so that intervals fit their cells."""
STRONGEST = 0.5
"""Opacity of the cell that is farthest from its family's mean: ink must stay legible on it."""
Columns = Mapping[str, Callable[[Panel], Any]]


def heat(run: OneRun) -> Figure:
    """Draw the mean score of each group after adaptation, a panel a family, a column a device or part.

    A group's name that occurs in several families has a row in each of their panels: groups are of their family.
    """
    people, kinds = run.everyone, run.kinds
    devices = sorted({str(name) for name in people.device} - {""})
    by_device = len(devices) > 1
    columns: dict[str, Callable[[Panel], Any]] = {}
    if by_device:
        columns = {device: on(device) for device in devices}
    elif people.seen.any() and not people.seen.all():
        columns = {"seen": lambda own: own.seen, "unseen": lambda own: ~own.seen}
    columns["all"] = lambda own: np.ones(len(own), bool)
    table = [
        row
        for name in families(people)
        for row in cells(people.where(people.family == name), name, measure(kinds, name), columns)
    ]
    most = max((abs(row[3].value - row[4]) for row in table if row[3].value is not None), default=0.0)
    drawn = [
        panel([row for row in table if row[0] == name], name, measure(kinds, name), list(columns), most)
        for name in families(people)
    ]
    return Figure(
        key="groups",
        title=f"Groups by {'device' if by_device else 'family'}",
        finding=finding(table),
        caption=(
            "Mean score after adaptation of each group, the worst first, with its 95 % interval and"
            " number n of clients. Orange: below the family’s mean; blue: above it; the stronger, the farther. Bold:"
            f" the interval leaves the family’s mean out, and there are at least {SMALL} clients. With many cells"
            " some do so by chance: the table below has a test."
        ),
        panels=drawn,
        columns=("family", "group", "device" if by_device else "part", "mean", "low", "high", "clients", "family mean"),
        rows=[(f, group_name(g), c, e.value, e.low, e.high, e.n, m) for f, g, c, e, m in table],
    )


def on(device: str) -> Callable[[Panel], Any]:
    """Return what chooses the clients with a device."""
    return lambda own: own.device == device


def finding(table: list[tuple[str, str, str, Estimate, float]]) -> str:
    """Name the groups whose whole interval lies below their family's mean."""
    below = [
        f"“{group_name(group)}” in {name}"
        for name, group, column, e, mean in table
        if column == "all" and e.high is not None and e.high < mean
    ]
    if not below:
        return "No group lies below its family’s mean with its whole interval."
    return f"Below their family’s mean with their whole interval: {listed(below)}."


def cells(own: Panel, name: str, scale: str, columns: Columns) -> list[tuple[str, str, str, Estimate, float]]:
    """Return family, group, column, estimate and the family's mean of each cell, the worst group first."""
    after = own.scores[:, -1]
    found = []
    for group in group_means(after, own.group.tolist()):
        for column, chosen in columns.items():
            estimate = score_interval(after[(own.group == group) & chosen(own)], scale)
            found.append((name, group, column, estimate, float(after.mean())))
    return found


def panel(
    table: list[tuple[str, str, str, Estimate, float]], name: str, scale: str, columns: list[str], most: float
) -> Drawn:
    """Draw one family."""
    groups = list(dict.fromkeys(row[1] for row in table))
    shown = groups[:ROWS_SHOWN]
    marks: list[Mark] = []
    for _, group, column, estimate, mean in table:
        if group in shown:
            x, y = columns.index(column), len(shown) - shown.index(group)
            marks.append(box(x, y, group, column, estimate, mean, most))
    below = [g for _, g, c, e, m in table if c == "all" and e.high is not None and e.high < m]
    says = (
        f"below the family’s mean with their whole interval: {listed([group_name(g) for g in below])}" if below else ""
    )
    if not below:
        says = "no group lies below the family’s mean with its whole interval" if len(groups) > 1 else "one group only"
    hidden = len(groups) - len(shown)
    words: list[tuple[str, Role]] = [(f"family mean {short(table[0][4])}", "muted")]
    if hidden:
        words.append((f"{hidden} more in the CSV", "muted"))
    ticks = [(len(shown) - index - 0.5, cut(group_name(group), 15)) for index, group in enumerate(shown)]
    return Drawn(
        name=name,
        measure=scale,
        words=words,
        x=Axis(0, len(columns), [(index + 0.5, cut(column, 12)) for index, column in enumerate(columns)]),
        y=Axis(0, len(shown), ticks),
        marks=marks,
        says=says,
        height=ROW * len(shown),
        width=300 if len(columns) <= MOST_IN_A_NARROW_PANEL else 460,
    )


def box(x: int, y: int, group: str, column: str, estimate: Estimate, mean: float, most: float) -> Box:
    """Return one cell; its column's left edge is ``x``, its row's upper edge ``y``."""
    corners: tuple[Any, Any] = (x, x + 1), (y - 1, y)
    if estimate.value is None:
        return Box(*corners, "muted", 0.06, f"{group_name(group)}, {column}: no clients", "–")
    away = estimate.value - mean
    strength = STRONGEST * abs(away) / most if most else 0.0
    sure = (
        estimate.n >= SMALL
        and estimate.low is not None
        and estimate.high is not None
        and not estimate.low <= mean <= estimate.high
    )
    says = f"{group_name(group)}, {column}: {between(estimate)}, n = {estimate.n}"
    under = (
        [f"n {estimate.n}"]
        if estimate.low is None
        else [f"{short(estimate.low)}…{short(estimate.high)}", f"n {estimate.n}"]
    )
    return Box(
        *corners, "before" if away < 0 else "after", max(0.04, strength), says, short(estimate.value), under, sure
    )
