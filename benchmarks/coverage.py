"""``python -m benchmarks.coverage``: how often the 95 % intervals that metafed shows hold, for skewed scores.

Clients are drawn from populations whose true numbers are known; an interval holds if the true number lies inside. The
table has the share of draws in which it held, and in brackets in how many per cent it lay wholly above the true number
and wholly below it. A dash: no interval is shown for so few clients. Bounds are no 95 % interval: they hold more often.
"""

from dataclasses import dataclass
from typing import Literal

import tyro

from benchmarks.covered import QUANTITIES, Quantity
from benchmarks.tables import show
from metafed.core.streams import stream
from metafed.fairness.intervals import BOUNDS

FEW_SHOWN = 0.01
"""The share of draws below which an interval is not shown at all."""


def cell(quantity: Quantity, population: str, n: int, draws: int) -> str:
    """Return how often the interval holds, and on which side of the truth it lies where it does not."""
    true = quantity.truth(population, n)
    name = f"coverage/{quantity.words}/{population}"
    found = [quantity.interval(population, n, stream(1, name, n, draw)) for draw in range(draws)]
    ends = [(each.low, each.high) for each in found if each.low is not None and each.high is not None]
    if len(ends) < max(1, draws * FEW_SHOWN):
        return "–"
    # an end that touches the truth holds: rounding must not decide
    above, below = (
        100 * sum(misses) / len(ends)
        for misses in zip(*((low > true + 1e-12, high < true - 1e-12) for low, high in ends), strict=True)
    )
    shown = "" if len(ends) > (1 - FEW_SHOWN) * draws else f", shown in {100 * len(ends) / draws:.0f} %"
    kind = "bounds " if sum(each.method == BOUNDS for each in found) > draws / 2 else ""
    return f"{kind}{100 - above - below:.1f} (+{above:.1f}, −{below:.1f}){shown}"


@dataclass
class Arguments:
    """How often 95 % intervals hold."""

    quantities: tuple[str, ...] = tuple(QUANTITIES)
    """Which."""
    clients: tuple[int, ...] = (10, 30, 50, 100, 200)
    """How many clients are drawn, in each seed where there are several."""
    draws: int = 1000
    """How many times."""
    format: Literal["text", "markdown"] = "text"


def main(arguments: Arguments) -> int:
    """Print a table a quantity."""
    for name in arguments.quantities:
        if name not in QUANTITIES:
            print(f"unknown quantity {name!r} (known: {', '.join(QUANTITIES)})")
            return 2
    for name in arguments.quantities:
        quantity = QUANTITIES[name]
        rows = [
            (population, *(cell(quantity, population, n, arguments.draws) for n in arguments.clients))
            for population in quantity.populations
        ]
        names = ("population", *(f"n = {n}" for n in arguments.clients))
        show(name, names, rows, (), arguments.format == "markdown")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments, description=__doc__)))
