"""The frontier of a sweep: the mean against the worst tenth, as CSV and SVG."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A cell's mean score and worst tenth, estimates with intervals where there are seeds enough."""

    name: str
    chosen: Mapping[str, str]
    mean: Mapping[str, Any]
    worst: Mapping[str, Any]
    part: str


def point(name: str, chosen: Mapping[str, str], summary: Mapping[str, Any]) -> Point | None:
    """Read a cell's ``summary.json`` (of a study); None where nobody was evaluated."""
    part = "unseen" if summary.get("unseen") else "seen"
    block = summary.get(part)
    cells = list(block["all"]["methods"].values()) if block else []
    if not cells or cells[0]["after"]["value"] is None:
        return None
    return Point(name, chosen, cells[0]["after"], cells[0]["worst10"], part)


def efficient(points: Sequence[Point]) -> list[bool]:
    """Say of each point whether no other is at least as good in both, and better in one."""

    def beaten(one: Point, other: Point) -> bool:
        a = (one.mean["value"], one.worst["value"])
        b = (other.mean["value"], other.worst["value"])
        return b != a and b[0] >= a[0] and b[1] >= a[1]

    return [not any(beaten(one, other) for other in points) for one in points]


def write_frontier(points: Sequence[Point], folder: Path) -> tuple[Path, Path]:
    """Write ``frontier.csv`` and ``frontier.svg`` and return their paths."""
    best = efficient(points)
    flags = list(dict.fromkeys(flag for each in points for flag in each.chosen))
    ends = ("value", "low", "high")
    table = folder / "frontier.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        measures = [f"{what}{'' if end == 'value' else f'_{end}'}" for what in ("mean", "worst10") for end in ends]
        writer.writerow(["cell", *(flag.lstrip("-") for flag in flags), "clients", "seeds", *measures, "efficient"])
        for each, on in zip(points, best, strict=True):
            numbers = [each.mean[end] for end in ends] + [each.worst[end] for end in ends]
            shown = ["" if value is None else repr(float(value)) for value in numbers]
            chosen = [each.chosen.get(flag, "") for flag in flags]
            writer.writerow([each.name, *chosen, each.part, each.mean["n"], *shown, "yes" if on else "no"])
    picture = folder / "frontier.svg"
    draw(points, best).savefig(picture, format="svg", metadata={"Date": None})
    return table, picture


def draw(points: Sequence[Point], best: Sequence[bool]) -> Any:
    """Draw the points with their intervals; the efficient ones in colour, joined, each with its values beside it."""
    from matplotlib.figure import Figure

    from simulation.report.drawing.inline import AFTER, CONTEXT, style

    part = points[0].part if points else "unseen"
    with style():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for each, on in zip(points, best, strict=True):
            bars: dict[str, Any] = {}
            for way, value in (("xerr", each.mean), ("yerr", each.worst)):
                if value["low"] is not None:
                    bars[way] = [[value["value"] - value["low"]], [value["high"] - value["value"]]]
            mark: dict[str, Any] = {"marker": "o" if on else "x", "color": AFTER if on else CONTEXT, "elinewidth": 0.8}
            axes.errorbar(each.mean["value"], each.worst["value"], **bars, **mark, markersize=5, linestyle="none")
            words = ", ".join(f"{flag.rpartition('.')[2].lstrip('-')} {value}" for flag, value in each.chosen.items())
            place = (each.mean["value"], each.worst["value"])
            axes.annotate(words, place, xytext=(5, 4), textcoords="offset points", fontsize=7.5)
        line = sorted((each.mean["value"], each.worst["value"]) for each, on in zip(points, best, strict=True) if on)
        axes.plot(*zip(*line, strict=True), color=AFTER, linewidth=0.9, zorder=0) if line else None
        axes.set_xlabel(f"mean score of {part} clients after adaptation")
        axes.set_ylabel("mean of the worst 10 %")
        axes.set_title("Circles: no other is at least as good in both", loc="left", fontsize=8.5)
        return figure
