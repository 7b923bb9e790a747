"""Does personalization serve those best who have most? Each client's gain against the rows that it owns."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from metafed.fairness.harmed import gain, harmed
from metafed.fairness.intervals import mean_interval, rank_correlation
from metafed.fairness.panel import Panel
from metafed.fairness.summary import tolerances
from simulation.report.drawing.plot import Figure, Line, Mark, Points, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import LOWEST_SHOWN, linear, logarithmic
from simulation.report.figures.base import OneRun, by_family
from simulation.report.words import between, families, listed, short

QUARTERS = 4
FEWEST_FOR_QUARTERS = 20


def gain_by_size(run: OneRun) -> Figure:
    """Draw a dot a client, a cross where it is harmed, and the mean of each quarter of the clients by size."""
    people, kinds = run.everyone, run.kinds
    drawn, rows = by_family(people, lambda own, name: one(own, name, kinds))
    return Figure(
        key="gain-by-size",
        title="Gain against the amount of data",
        finding=finding(people),
        caption=(
            "A dot is a client: blue unseen, grey seen; a red cross is one that adaptation harms. Black: the mean"
            f" gain of each quarter of the clients by size, with 95 % intervals (from {FEWEST_FOR_QUARTERS} clients"
            " on). ρ is Spearman’s rank correlation with its 95 % interval: above zero, personalization serves those"
            " best who have most."
        ),
        panels=drawn,
        columns=("family", "client", "group", "seen", "rows", "gain", "harmed"),
        rows=sorted(rows),
    )


def finding(people: Panel) -> str:
    """Say in which families the amount of data orders the gains beyond chance."""
    more: list[str] = []
    less: list[str] = []
    for name in families(people):
        own = people.where(people.family == name)
        slope = rank_correlation(own.n.astype(np.float64), gain(own.scores[:, 0], own.scores[:, -1]))
        if slope.low is not None and slope.high is not None and slope.low * slope.high > 0:
            (more if slope.low > 0 else less).append(f"{name} (ρ {between(slope)})")
    sentences = [f"Those with more data gain more in {listed(more)}."] if more else []
    sentences += [f"Those with less data gain more in {listed(less)}."] if less else []
    return " ".join(sentences) or "In no family can an order by size be distinguished from chance."


def one(own: Panel, name: str, kinds: Mapping[str, str]) -> tuple[Drawn, list[tuple[Any, ...]]]:
    """Draw one family, and return its numbers."""
    gains = gain(own.scores[:, 0], own.scores[:, -1])
    hurt = harmed(gains, tolerances(own, kinds))
    shown = np.maximum(gains, LOWEST_SHOWN)  # so that a fall beyond the edge is a mark on it
    sizes = own.n.astype(np.float64)
    low, high = min(0.0, float(shown.min())), max(0.1, float(shown.max()))
    wide = sizes.min() > 0 and sizes.max() > 8 * sizes.min()
    x = (logarithmic if wide else linear)(float(sizes.min()), float(sizes.max()), "rows that the client owns")
    y = linear(low - 0.03 * (high - low) if low < 0 else 0.0, high + 0.03 * (high - low), "gain", grid=True)
    marks: list[Mark] = [Line((x.low, x.high), (0, 0), "muted", 1)] if low < 0 else []
    kindred: tuple[tuple[Any, Role], ...] = ((~hurt & own.seen, "context"), (~hurt & ~own.seen, "after"))
    for chosen, role in kindred:
        marks.append(dots(own, chosen, shown, gains, role))
    marks.append(dots(own, hurt, shown, gains, "harm"))
    marks += quarters(sizes, gains)
    slope = rank_correlation(sizes, gains)
    words: list[tuple[str, Role]] = [
        (f"ρ = {between(slope)}", "ink"),
        (f"{int(hurt.sum())} harmed", "harm" if hurt.any() else "muted"),
    ]
    rows = [
        (name, int(c), str(g), bool(s), int(n), float(value), bool(h))
        for c, g, s, n, value, h in zip(own.client, own.group, own.seen, own.n, gains, hurt, strict=True)
    ]
    trend = "no order by size can be distinguished from chance"
    if slope.value is None:
        trend = "all own equally much, or gain equally" if len(own) >= 3 else "too few clients"
    elif slope.low is not None and slope.low > 0:
        trend = "those with more data gain more"
    elif slope.high is not None and slope.high < 0:
        trend = "those with less data gain more"
    says = f"{trend} (ρ = {short(slope.value)}), {int(hurt.sum())} of {len(own)} harmed"
    return Drawn(name, "", words, x, y, marks, says), rows


def dots(own: Panel, chosen: Any, shown: Any, gains: Any, role: Role) -> Points:
    """Draw clients, each with its id."""
    says = [
        f"client {c}, {n} rows: {short(float(g), '+')}"
        for c, n, g in zip(own.client[chosen], own.n[chosen], gains[chosen], strict=True)
    ]
    shape, opacity, radius = ("cross", 1.0, 3.2) if role == "harm" else ("dot", 0.55, 2.6)
    return Points(own.n[chosen].tolist(), shown[chosen].tolist(), role, shape, radius, opacity, says)  # type: ignore[arg-type]


def quarters(sizes: Any, gains: Any) -> list[Mark]:
    """Draw the mean gain of each quarter of the clients by size, with its interval."""
    if len(sizes) < FEWEST_FOR_QUARTERS or sizes.min() == sizes.max():
        return []
    marks: list[Mark] = []
    for chosen in np.array_split(np.argsort(sizes, kind="stable"), QUARTERS):
        estimate, middle = mean_interval(gains[chosen]), float(np.median(sizes[chosen]))
        if estimate.value is None or estimate.value < LOWEST_SHOWN:
            continue
        says = f"{len(chosen)} clients around {middle:g} rows: {between(estimate, '+')}"
        if estimate.low is not None and estimate.high is not None:
            marks.append(Line((middle, middle), (estimate.low, estimate.high), "ink", 1.6, says=says))
        marks.append(Points((middle,), (estimate.value,), "ink", radius=3.4, says=(says,)))
    return marks
