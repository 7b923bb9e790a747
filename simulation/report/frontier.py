"""The frontier of a sweep as CSV and SVG: the mean against the worst tenth."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from simulation.analysis.frontier import Point, efficient, names
from simulation.report.figures.frontier import Place, frontier


def write_frontier(points: Sequence[Point], folder: Path) -> tuple[Path, Path]:
    """Write ``frontier.csv`` and ``frontier.svg`` and return their paths."""
    best = efficient(points)
    flags = list(dict.fromkeys(flag for each in points for flag in each.chosen))
    ends = ("value", "low", "high")
    table = folder / "frontier.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        measures = [f"{what}{'' if end == 'value' else f'_{end}'}" for what in ("mean", "worst10") for end in ends]
        writer.writerow(
            ["cell", "method", *(flag.lstrip("-") for flag in flags), "clients", "seeds", *measures, "efficient"]
        )
        for name, each, on in zip(names(points), points, best, strict=True):
            numbers = [each.mean[end] for end in ends] + [each.worst[end] for end in ends]
            shown = ["" if value is None else repr(float(value)) for value in numbers]
            chosen = [each.chosen.get(flag, "") for flag in flags]
            writer.writerow([each.name, name, *chosen, each.part, each.mean["n"], *shown, "yes" if on else "no"])
    return table, draw(points, folder / "frontier.svg")


def draw(points: Sequence[Point], path: Path) -> Path:
    """Draw the cells as a report draws runs, each with a letter that the legend explains."""
    # here, since it loads matplotlib, which takes a second
    from simulation.report.drawing.files import write

    places = [Place(name, each.mean, each.worst) for name, each in zip(names(points), points, strict=True)]
    figure = frontier({"all cells": places}, points[0].part if points else "unseen", "", scale=1.8)
    if figure is not None:
        write(replace(figure, legend=[*figure.legend, "blue: no other is at least as good in both"]), path)
    return path
