"""The picture of a population: rows, labels, groups, rows by group."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator

from simulation.data.portrait import Portrait, distance, shares
from simulation.report.drawing.inline import AFTER, BEFORE, CONTEXT, INK, MUTED, style
from simulation.report.drawing.parts import headed, steps_up

SHOWN_GROUPS = 16
"""Groups that are drawn; the rest are one row."""
SHOWN_CLIENTS = 120
"""Clients in the heat map at most; of more, some are taken evenly from all."""
SHOWN_CLASSES = 40


def population(who: Portrait, task: str, anonymous: bool) -> Figure:
    """Draw rows of the clients, their labels, the groups, and rows by group.

    Args:
        who: The clients.
        task: What ``--tasks`` calls them.
        anonymous: Whether a class is a slot of the client's own.
    """
    names = who.group_names()[:SHOWN_GROUPS]
    with style():
        height = 3.1 + max(1.6, 0.22 * (len(names) + 1))
        figure = Figure(figsize=(8.2, height), layout="constrained")
        grid = figure.subplots(2, 2, height_ratios=(2.7, height - 3.1))
        grid[1, 1].sharex(grid[0, 0])
        figure.suptitle(task, x=0.01, ha="left", fontweight="bold", fontsize=10.5)
        sizes(grid[0, 0], who)
        if who.labels is not None:
            classes(grid[0, 1], who, who.labels, anonymous)
        else:
            targets(grid[0, 1], who)
        members(grid[1, 0], who, names)
        members_rows(grid[1, 1], who, names)
        for axes in grid[1]:
            grouped(axes, names, named=axes is grid[1, 0])
        return figure


def sizes(axes: Axes, who: Portrait) -> None:
    """Draw the share of clients with at most so many rows."""
    steps_up(axes, who.rows, 0, AFTER)
    steps_up(axes, who.training[np.isfinite(who.training)], 0, CONTEXT)
    logarithmic(axes, who)
    axes.set(ylim=(0, 1.02), xlabel="rows of one client", ylabel="clients at or below")
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    headed(axes, "Rows", [(f"all, median {np.median(who.rows):,.0f}", AFTER), ("for training", CONTEXT)])


def logarithmic(axes: Axes, who: Portrait) -> None:
    """Set a logarithmic axis of rows, where clients differ so much."""
    if len(who.rows) and who.rows.max() > 8 * max(1, who.rows.min()):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    else:
        axes.set_xlim(0, 1.05 * who.rows.max(initial=1))


def classes(axes: Axes, who: Portrait, labels: np.ndarray, anonymous: bool) -> None:
    """Draw each client's distribution over classes, a row a client, clients ordered by group and main class."""
    order = np.lexsort((labels.argmax(1), *group_order(who)))
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(SHOWN_CLIENTS, len(order))).astype(int))]
    columns = np.argsort(-labels.sum(0), kind="stable")[:SHOWN_CLASSES] if labels.shape[1] > SHOWN_CLASSES else None
    shown = shares(labels)[chosen] if columns is None else shares(labels)[np.ix_(chosen, columns)]
    darkest = max(float(shown.max(initial=0)), 1e-9)
    cells = [
        Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=AFTER, alpha=round(float(share / darkest), 2), linewidth=0)
        for row, line in enumerate(shown)
        for column, share in enumerate(line)
        if share >= 0.005 * darkest
    ]
    axes.add_collection(PatchCollection(cells, match_original=True))
    what = "slot of the client's own" if anonymous else "class"
    cut = f" (the {SHOWN_CLASSES} of {labels.shape[1]} with most rows)" if columns is not None else ""
    axes.set(xlim=(-0.5, shown.shape[1] - 0.5), ylim=(len(shown) - 0.5, -0.5), xlabel=what + cut, ylabel="clients")
    axes.set_yticks([])
    axes.set_xticks(range(shown.shape[1]) if shown.shape[1] <= 12 else [0, shown.shape[1] - 1])
    some = f"{len(chosen)} of {len(order)} clients" if len(chosen) < len(order) else f"{len(order)} clients"
    headed(axes, "Labels", [(some, MUTED), (f"darkest: {darkest:.0%} of its rows", AFTER)])


def targets(axes: Axes, who: Portrait) -> None:
    """Draw the share of clients whose mean target lies at most so far from that of all."""
    assert who.mean is not None
    assert who.spread is not None
    far = distance(who.rows, who.mean, who.spread)
    steps_up(axes, far, 0, AFTER)
    axes.set(ylim=(0, 1.02), xlim=(0, None), ylabel="clients at or below")
    axes.set_xlabel("distance of a client's mean, standard deviations")
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    headed(axes, "Targets", [(f"median {np.median(far):.2f}", AFTER)])


def members(axes: Axes, who: Portrait, names: list[str]) -> None:
    """Draw how many clients each group has."""
    counts = [int((who.groups == name).sum()) for name in names]
    bars = axes.barh(range(len(names)), counts, color=CONTEXT, height=0.7)
    axes.bar_label(bars, padding=2, fontsize=7.5, color=INK)
    axes.set(xlabel="clients", xlim=(0, 1.12 * max(counts, default=1)))
    everything = len(np.unique(who.groups))
    hidden = f", the {len(names)} largest shown" if everything > len(names) else ""
    headed(axes, "Groups", [(f"{everything} groups{hidden}", MUTED)])


def members_rows(axes: Axes, who: Portrait, names: list[str]) -> None:
    """Draw each client's rows, a line a group, with the group's median."""
    for place, name in enumerate(names):
        rows = np.sort(who.rows[who.groups == name])
        axes.plot(rows, np.full(len(rows), place), "o", color=AFTER, markersize=3, alpha=0.3, mew=0)
        axes.plot([np.median(rows)] * 2, [place - 0.36, place + 0.36], color=BEFORE, linewidth=1.8)
    logarithmic(axes, who)
    axes.set_xlabel("rows of one client")
    headed(axes, "Rows by group", [("client", AFTER), ("median", BEFORE)])


def grouped(axes: Axes, names: list[str], named: bool) -> None:
    """Set the vertical axis to groups, the first on top, ``named`` or not; long names are cut."""
    short = [name if len(name) <= 26 else name[:25] + "…" for name in names]
    axes.set_yticks(range(len(names)), short if named else [""] * len(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def group_order(who: Portrait) -> tuple[np.ndarray, ...]:
    """Return the place of each client's group, as a key for sorting."""
    places = {name: place for place, name in enumerate(who.group_names())}
    return (np.array([places[str(name)] for name in who.groups]),)
