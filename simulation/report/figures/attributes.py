"""Fair for each client, fair over all? Differences between rows of an attribute, before adaptation and after."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulation.report.drawing.plot import Axis, Figure, Line, Mark, Points, Role
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import linear
from simulation.report.figures.adaptation import cut
from simulation.report.figures.base import OneRun
from simulation.report.words import listed, short

MEASURES = {
    "demographic_parity": "parity",
    "equal_opportunity": "opportunity",
    "equalized_odds": "odds",
    "accuracy": "accuracy",
}
"""What is measured, in words that fit beside a panel."""
SIDES: tuple[tuple[str, Role], ...] = (("before", "before"), ("after", "after"))
WHOLE = {"all": "over all rows", "clients": "mean of clients"}
PLACES = {("all", "before"): 0.2, ("all", "after"): 0.35, ("clients", "before"): 0.65, ("clients", "after"): 0.8}
"""How far below a row's upper edge a mark lies."""
ROW = 62.0
"""Pixels of a row."""
SHOWN = 3
"""Values whose rows are counted below a panel's name."""
WIDE = 8
"""Attributes of families that are drawn at most; the table has all."""


def attributes(run: OneRun) -> Figure | None:
    """Draw a panel a family and attribute; None where no row has one, or no predictions were kept."""
    summary = run.run.summary or {}
    entries = [entry for entry in summary.get("attributes", ()) if entry["part"] == run.who]
    if not entries:
        return None
    several = len({entry["family"] for entry in entries}) > 1
    return Figure(
        key="attributes",
        title="Fair for each client, fair over all?",
        finding=finding(entries),
        caption=(
            f"Differences between rows of the values of an attribute, {run.who} clients, before adaptation (orange) and"
            " after (blue). Dots: all clients’ rows together, with 95 % intervals that resample clients. Rings: each"
            " client by itself, the mean of those with rows enough. Grey ticks: 19 of 20 shuffles of the attribute"
            " within each client give less; a mean over clients is above 0 by chance alone. Parity: share predicted"
            " positive; opportunity: share found of the positive rows; odds: the larger of that and of false alarms."
        ),
        panels=[panel(entry, several) for entry in entries[:WIDE]],
        columns=(
            *("family", "attribute", "part", "adaptation", "measure", "of", "value", "low", "high", "chance", "n"),
            "why or how",
        ),
        rows=[row for entry in entries for row in numbers(entry)],
    )


def finding(entries: Sequence[Mapping[str, Any]]) -> str:
    """Name the attributes whose rows are served unequally after adaptation, beyond chance."""
    found = [
        f"“{entry['attribute']}” in {entry['family']} ({listed(names)})"
        for entry in entries
        if (names := [words for name, words in MEASURES.items() if entry["after"][name]["all"]["found"]])
    ]
    if found:
        return f"After adaptation rows are served unequally beyond chance by {listed(found)}."
    known = any(entry["after"][name]["all"]["low"] is not None for entry in entries for name in MEASURES)
    if not known:
        return "There are too few rows or clients to tell a difference from chance."
    return "By no attribute are rows served unequally beyond what chance makes."


def numbers(entry: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the CSV."""
    about = entry["family"], entry["attribute"], entry["part"]
    for side, _ in SIDES:
        for name in MEASURES:
            for of in WHOLE:
                one = entry[side][name][of]
                number = entry["clients"] if of == "all" else one["n"]
                ends = one["value"], one["low"], one["high"], one["chance"]
                yield *about, side, name, of, *ends, number, one.get("why") or one.get("method", "")


def panel(entry: Mapping[str, Any], several: bool) -> Drawn:
    """Draw one family's attribute."""
    marks: list[Mark] = []
    ends = [0.05]
    for place, (name, words) in enumerate(MEASURES.items()):
        for (of, side), below in PLACES.items():
            one, y = entry[side][name][of], len(MEASURES) - place - below
            marks += row(one, y, of, side, words)
            ends += [one[end] for end in ("value", "high", "chance") if one[end] is not None]
    ticks = [(len(MEASURES) - place - 0.5, words) for place, words in enumerate(MEASURES.values())]
    small = any(entry["after"][name]["all"]["value"] is None for name in MEASURES)
    values = [f"{cut(value, 12)} {rows:,}" for value, rows in entry["values"].items()]
    hidden = [f"{len(values) - SHOWN} more"] if len(values) > SHOWN else []
    legend: list[tuple[str, Role]] = [("before", "before"), ("after", "after")]
    legend.append((", ".join([*values[:SHOWN], *hidden]), "muted"))
    if small:
        legend.append(("small cells: see the table", "muted"))
    says = "; ".join(
        f"{label} {short(entry['before'][name]['all']['value'])} before, {short(one['all']['value'])} after"
        for name, label in MEASURES.items()
        for one in [entry["after"][name]]
    )
    return Drawn(
        name=f"{entry['family']}: {cut(entry['attribute'], 24)}" if several else cut(entry["attribute"], 24),
        measure="",
        words=legend,
        x=linear(0.0, min(1.0, 1.06 * max(ends)), "difference", count=3, grid=True),
        y=Axis(0, len(MEASURES), ticks),
        marks=marks,
        says=says,
        height=ROW * len(MEASURES),
    )


def row(one: Mapping[str, Any], y: float, of: str, side: str, words: str) -> Iterator[Mark]:
    """Yield the marks of one number: its interval, what chance makes, the value."""
    if one["value"] is None:
        return
    role: Role = "before" if side == "before" else "after"
    says = f"{words}, {WHOLE[of]}, {side}: {short(one['value'])}"
    if one["low"] is not None:
        says += f" [{short(one['low'])}, {short(one['high'])}]"
        yield Line((one["low"], one["high"]), (y, y), role, 1.8, says=says)
    if one["chance"] is not None:
        by_chance = f"{words}, {WHOLE[of]}, {side}: 19 of 20 shuffles give less than {short(one['chance'])}"
        yield Line((one["chance"], one["chance"]), (y - 0.06, y + 0.06), "muted", 1.6, says=by_chance)
    yield Points((one["value"],), (y,), role, "dot" if of == "all" else "ring", 3.6, says=(says,))
