"""``python -m benchmarks.coverage``: how often the 95 % intervals that metafed shows hold, for skewed scores.

Clients are drawn from populations whose true numbers are known; an interval holds if the true number lies inside. A
table has the share of draws in which it held, and in brackets in how many per cent it lay wholly above the true number
and wholly below it. A dash: no interval is shown for so few clients. Bounds are no 95 % interval: they hold more often.
The last table has the least and the most of the populations, by number.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import tyro

from benchmarks.covered import QUANTITIES
from benchmarks.tables import show
from metafed.core.streams import stream
from metafed.fairness.intervals import BOUNDS

FEW_SHOWN = 0.01
"""The share of draws below which an interval is not shown at all."""


class Task(NamedTuple):
    """What one cell needs: a quantity's name, a population, how many clients are drawn and how often."""

    quantity: str
    population: str
    n: int
    draws: int


class Cell(NamedTuple):
    """How often an interval holds, in per cent of the draws in which it is shown.

    Attributes:
        above: It lies wholly above the true number.
        below: It lies wholly below it.
        shown: The share of draws.
        bounds: Whether its ends are bounds.
    """

    above: float
    below: float
    shown: float
    bounds: bool

    @property
    def held(self) -> float:
        """Per cent in which the true number lies inside."""
        return 100 - self.above - self.below

    def __str__(self) -> str:
        shown = "" if self.shown > 0.99 else f", shown in {100 * self.shown:.0f} %"
        return f"{'bounds ' * self.bounds}{self.held:.1f} (+{self.above:.1f}, −{self.below:.1f}){shown}"


def cell(task: Task) -> Cell | None:
    """Return how often the interval holds, and on which side it misses; None where it is not shown."""
    quantity, population, n, draws = QUANTITIES[task.quantity], *task[1:]
    true = quantity.truth(population, n)
    name = f"coverage/{quantity.words}/{population}"
    found = [quantity.interval(population, n, stream(1, name, n, draw)) for draw in range(draws)]
    ends = [(each.low, each.high) for each in found if each.low is not None and each.high is not None]
    if len(ends) < max(1, draws * FEW_SHOWN):
        return None
    # an end that touches the truth holds: rounding must not decide
    above, below = (
        100 * sum(misses) / len(ends)
        for misses in zip(*((low > true + 1e-12, high < true - 1e-12) for low, high in ends), strict=True)
    )
    return Cell(above, below, len(ends) / draws, sum(each.method == BOUNDS for each in found) > draws / 2)


def span(cells: Sequence[Cell | None]) -> str:
    """Return the least and the most of the populations that show an interval."""
    held = sorted(each.held for each in cells if each is not None)
    if not held:
        return "–"
    kind = "bounds " * all(each.bounds for each in cells if each is not None)
    return kind + "–".join(dict.fromkeys(f"{each:.1f}" for each in (held[0], held[-1])))


@dataclass
class Arguments:
    """How often 95 % intervals hold."""

    quantities: tuple[str, ...] = tuple(QUANTITIES)
    """Which."""
    clients: tuple[int, ...] = (10, 30, 50, 100, 200)
    """How many clients are drawn, in each seed where there are several."""
    draws: int | None = None
    """How many times. Default: 10,000 where there is a closed form, 2,000 where clients are resampled."""
    workers: int = len(os.sched_getaffinity(0))
    """Processes. They change no number."""
    format: Literal["text", "markdown"] = "text"


def main(arguments: Arguments) -> int:
    """Print a table a quantity, and one of all of them."""
    for name in arguments.quantities:
        if name not in QUANTITIES:
            print(f"unknown quantity {name!r} (known: {', '.join(QUANTITIES)})")
            return 2
    tasks = [
        Task(name, population, n, arguments.draws or QUANTITIES[name].draws)
        for name in arguments.quantities
        for population in QUANTITIES[name].populations
        for n in arguments.clients
    ]
    if arguments.workers > 1:
        with ProcessPoolExecutor(arguments.workers) as pool:
            found = dict(zip(tasks, pool.map(cell, tasks), strict=True))
    else:
        found = {task: cell(task) for task in tasks}
    sizes, markdown = tuple(f"n = {n}" for n in arguments.clients), arguments.format == "markdown"
    whole: list[Sequence[str]] = []
    for name in arguments.quantities:
        own = {task: each for task, each in found.items() if task.quantity == name}
        rows = [
            (population, *(str(each or "–") for task, each in own.items() if task.population == population))
            for population in QUANTITIES[name].populations
        ]
        show(name, ("population", *sizes), rows, (), markdown)
        spans = (span([each for task, each in own.items() if task.n == n]) for n in arguments.clients)
        whole.append((name, f"{next(iter(own)).draws:,}", *spans))
    show("least and most of the populations", ("number", "draws", *sizes), whole, (), markdown)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments, description=__doc__)))
