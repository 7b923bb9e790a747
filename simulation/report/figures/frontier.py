"""What fairness costs: each run's mean score against the mean of its worst tenth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from simulation.analysis.frontier import efficient
from simulation.report.drawing.plot import Axis, Figure, Line, Mark, Points, Role, Text
from simulation.report.drawing.plot import Panel as Drawn
from simulation.report.drawing.scale import linear, place
from simulation.report.figures.base import SeveralRuns
from simulation.report.figures.beside import Beside, standing
from simulation.report.words import short

Ends = Mapping[str, Any]
HEIGHT, BESIDE = 190.0, 60.0
"""Pixels of the plot, and about how many of the panel's width are beside it."""
AROUND = [
    (radius * a, radius * b)
    for radius in (11, 17, 24, 31)
    for a, b in ((1, -0.6), (-1, -0.6), (1, 0.8), (-1, 0.8), (0, -1.2), (0, 1.2))
]
"""Where a letter may stand, in pixels from its point."""


class Place(NamedTuple):
    """Where one run lies.

    Attributes:
        name: What it is called.
        mean: Mean score after adaptation: value, low, high.
        worst: Mean of its worst tenth: the same.
        seed: The point is one seed of several, drawn small and without a name.
    """

    name: str
    mean: Ends
    worst: Ends
    seed: bool = False


def frontier_of(runs: SeveralRuns) -> Figure | None:
    """Draw the runs that a report compares, with each of their seeds; None if none of them has a score."""
    names, seeds = [method.name for method in runs.methods], runs.tables[0].seeds
    places = {
        table.family or "all families": [place for name in names for place in places_of(table, name)]
        for table in runs.tables
    }
    dots = f"Small dots are the {seeds} seeds. " if seeds > 1 else ""
    figure = frontier(places, runs.who, dots + runs.intervals)
    known = [one for one in next(iter(places.values())) if not one.seed and one.worst["value"] is not None]
    if figure is None or not known:
        return figure
    top = max(known, key=lambda one: float(one.worst["value"] or 0.0))
    holds = standing(runs.tables[0], "worst10", top.name)
    return replace(figure, finding=f"{figure.finding.removesuffix('.')}{holds}.")


def places_of(table: Beside, name: str) -> list[Place]:
    """Return where a method lies, and each of its seeds if there are several."""
    measures = table.methods.get(name)
    if not measures:
        return []
    mean, worst = measures["after"], measures["worst10"]
    points = [
        Place(f"{name}, seed {seed}", single(mean["points"][seed]), single(worst["points"][seed]), seed=True)
        for seed in (mean["points"] if table.seeds > 1 else ())
    ]
    return [*points, Place(name, mean, worst)]


def single(value: float | None) -> dict[str, float | None]:
    """Return a value without an interval."""
    return {"value": value, "low": None, "high": None}


def frontier(places: Mapping[str, Sequence[Place]], who: str, what: str, scale: float = 1.0) -> Figure | None:
    """Draw a panel of the runs of each family; None if none of them has a score.

    Args:
        places: The runs by family.
        who: Whose scores: seen or unseen.
        what: How the intervals were made, a sentence.
        scale: How much larger than usual, for a file with many runs.
    """
    names = list(dict.fromkeys(one.name for runs in places.values() for one in runs if not one.seed))
    letters = {name: chr(ord("A") + index) if index < 26 else str(index + 1) for index, name in enumerate(names)}
    drawn, rows = [], []
    for family, runs in places.items():
        known = [one for one in runs if one.mean["value"] is not None and one.worst["value"] is not None]
        if known:
            drawn.append(panel(family, known, letters, scale))
            rows += [(family, *row(one)) for one in known]
    if not drawn:
        return None
    return Figure(
        key="frontier",
        title="The frontier: everybody against the worst tenth",
        finding=f"{drawn[0].says[0].upper()}{drawn[0].says[1:]}.",
        caption=(
            f"A letter is a method: mean score of its {who} clients after adaptation, and the mean of their worst"
            " tenth. Up and to the right is better for all; the line joins those that no other beats in both."
            " Overlapping crosses cannot be distinguished by eye: the next figure compares the same clients in pairs."
            f" {what}"
        ),
        panels=drawn,
        columns=(
            "family",
            "run",
            "one of several seeds",
            "mean",
            "mean low",
            "mean high",
            "worst tenth",
            "worst low",
            "worst high",
        ),
        rows=rows,
        legend=[f"{letter} {name}" for name, letter in letters.items()],
    )


def row(one: Place) -> tuple[Any, ...]:
    """Return a run's numbers."""
    ends = [side[end] for side in (one.mean, one.worst) for end in ("value", "low", "high")]
    return (one.name, one.seed, *ends)


def panel(family: str, runs: Sequence[Place], letters: Mapping[str, str], scale: float) -> Drawn:
    """Draw the runs of one family."""
    x = extent([one.mean for one in runs], "mean score")
    y = extent([one.worst for one in runs], "mean of the worst tenth")
    marks: list[Mark] = []
    named = [one for one in runs if not one.seed]
    best = [one for one, on in zip(named, efficient(named), strict=True) if on]
    if len(best) > 1:
        points = sorted((one.mean["value"], one.worst["value"]) for one in best)
        marks.append(Line([p[0] for p in points], [p[1] for p in points], "after", 1.2, "2 4", says="frontier"))
    for one in runs:
        mean, worst = one.mean["value"], one.worst["value"]
        role: Role = "context" if one.seed or one not in best else "after"
        if not one.seed:
            if one.mean["low"] is not None:
                marks.append(Line((one.mean["low"], one.mean["high"]), (worst, worst), role, 1.2, opacity=0.6))
            if one.worst["low"] is not None:
                marks.append(Line((mean, mean), (one.worst["low"], one.worst["high"]), role, 1.2, opacity=0.6))
        says = f"{one.name}: mean {short(mean)}, worst tenth {short(worst)}"
        marks.append(Points((mean,), (worst,), role, radius=2.2 if one.seed else 4.2, says=(says,)))
    marks += labels(runs, letters, x, y, (300 * scale - BESIDE, HEIGHT * scale))
    top = max((one for one in runs if not one.seed), key=lambda one: one.worst["value"])
    says = (
        f"the worst tenth scores highest with {top.name} ({short(top.worst['value'])}, mean {short(top.mean['value'])})"
    )
    return Drawn(family, "", [], x, y, marks, says, HEIGHT * scale, 300 * scale)


def labels(
    runs: Sequence[Place], letters: Mapping[str, str], x: Axis, y: Axis, size: tuple[float, float]
) -> list[Mark]:
    """Put each run's letter beside its point, on the first side where it lies on no other letter, point or seed."""
    places = {
        one.name: (place(one.mean["value"], x, 0, size[0]), place(one.worst["value"], y, size[1], 0)) for one in runs
    }
    taken: list[tuple[float, float]] = list(places.values())
    marks: list[Mark] = []
    for one in [one for one in runs if not one.seed]:
        left, top = places[one.name]
        spots = [(left + dx, top + dy) for dx, dy in AROUND]
        free = [spot for spot in spots if all(abs(spot[0] - a) > 9 or abs(spot[1] - b) > 11 for a, b in taken)]
        at = (free or spots)[0]
        taken.append(at)
        mean, worst, letter = one.mean["value"], one.worst["value"], letters[one.name]
        marks.append(Text(mean, worst, letter, "ink", "middle", at[0] - left, at[1] - top + 4, bold=True))
    return marks


def extent(ends: Sequence[Ends], title: str) -> Axis:
    """Return an axis that holds all points and intervals."""
    values = [side[end] for side in ends for end in ("value", "low", "high") if side[end] is not None]
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05
    return linear(low - room, high + room, title, grid=True)
