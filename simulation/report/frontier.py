"""The frontier of a sweep as CSV and SVG: the mean against the worst tenth."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulation.analysis.frontier import Point, efficient


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
    # here, since it loads matplotlib, which takes a second
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
