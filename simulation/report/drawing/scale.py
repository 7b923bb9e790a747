"""Axes: round ticks, and from the units of the data to pixels."""

import math
from collections.abc import Iterable

from simulation.report.drawing.plot import Axis

LOWEST_SHOWN = -1.0
"""Scores below this are counted at a figure's edge and do not stretch it; skill has no lower bound."""


def linear(low: float, high: float, title: str = "", count: int = 4, grid: bool = False) -> Axis:
    """Return an axis from ``low`` to ``high`` with about ``count`` round ticks."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    step = nice((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [(number * step, plain(number * step, places)) for number in range(first, last + 1)]
    return Axis(low, high, ticks, title, grid=grid)


def logarithmic(low: float, high: float, title: str = "", grid: bool = False) -> Axis:
    """Return a logarithmic axis with ticks at 1, 2 and 5 times powers of ten; at powers alone over three decades."""
    low, high = low / 1.08, high * 1.08
    leading = (1, 2, 5) if high / low < 1000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [(lead * 10.0**power, f"{lead * 10.0**power:g}") for power in powers for lead in leading]
    return Axis(low, high, [tick for tick in ticks if low <= tick[0] <= high], title, log=True, grid=grid)


def scores(values: Iterable[float], title: str = "", grid: bool = True) -> Axis:
    """Return an axis for scores: at least from 0 to 1, cut at ``LOWEST_SHOWN``."""
    lowest = min((value for value in values if math.isfinite(value)), default=0.0)
    return linear(max(LOWEST_SHOWN, lowest - 0.04 if lowest < 0 else 0.0), 1.0, title, grid=grid)


def whole(low: int, high: int, title: str = "") -> Axis:
    """Return an axis whose ticks are whole numbers, with a little room at both ends."""
    step = max(1, round(nice((high - low) / 5))) if high > low else 1
    room = max(0.02 * (high - low), 0.02 * step)
    first = math.ceil(low / step)
    ticks = [(float(n * step), f"{n * step}") for n in range(first, high // step + 1)]
    return Axis(low - room, high + room, ticks or [(float(low), f"{low}")], title)


def nice(step: float) -> float:
    """Return the round number next above ``step``: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(lead * power for lead in (1, 2, 2.5, 5, 10) if lead * power >= step * (1 - 1e-9))


def plain(value: float, places: int) -> str:
    """Format a tick."""
    text = f"{round(value, places + 1):.12g}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def place(value: float, axis: Axis, start: float, end: float) -> float:
    """Return where ``value`` lies between the pixels ``start`` and ``end``; beyond the range, at its edge."""
    if axis.log:
        share = math.log(max(value, 1e-300) / axis.low) / math.log(axis.high / axis.low)
    else:
        share = (value - axis.low) / (axis.high - axis.low)
    return start + min(1.0, max(0.0, share)) * (end - start)
