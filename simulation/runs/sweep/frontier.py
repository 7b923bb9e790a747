"""The frontier of a sweep: the mean against the worst tenth, as CSV and SVG."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from simulation.report.figures.frontier import Place, efficient, frontier


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
    return table, draw(points, folder / "frontier.svg")


def draw(points: Sequence[Point], path: Path) -> Path:
    """Draw the cells as a report draws runs, each with a letter that the legend explains."""
    from simulation.report.files import write

    named = [
        (", ".join(f"{flag.rpartition('.')[2].lstrip('-')} {value}" for flag, value in each.chosen.items()), each)
        for each in points
    ]
    places = [Place(words or each.name, each.mean, each.worst) for words, each in named]
    figure = frontier({"all cells": places}, points[0].part if points else "unseen", "", scale=1.8)
    if figure is not None:
        write(replace(figure, legend=[*figure.legend, "blue: no other is at least as good in both"]), path)
    return path
