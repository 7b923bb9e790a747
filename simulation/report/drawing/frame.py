"""Where things lie in a figure, in pixels: the panels on their sheet, and the plot and the words in a panel."""

from typing import NamedTuple

from simulation.report.drawing.plot import Figure, Panel, Role

TOP, BOTTOM, RIGHT = 29.0, 37.0, 18.0
GAP = 28.0
"""Pixels between panels."""
LINE_OF_WORDS = 18.0
CHARACTER = 7.0
"""Pixels of a letter of 12 px, on the wide side."""
BROAD, TICK = 300.0, 7.6
"""Width above which a phone shows the names of rows larger, and pixels of their letters then."""


class Frame(NamedTuple):
    """A rectangle, from the upper left corner of what it lies in."""

    left: float
    top: float
    right: float
    bottom: float


class Sheet(NamedTuple):
    """A whole figure: its size, the lines of its legend, the frame of each panel, and how many lines of words each has.

    All panels leave room for the same lines of words, so that their plots align.
    """

    wide: float
    high: float
    legend: list[str]
    panels: list[Frame]
    words: int


def sheet(figure: Figure) -> Sheet:
    """Lay the panels side by side, at most three in a row, below the legend."""
    words = max(len(lines_of_words(panel)) for panel in figure.panels)
    width = max(panel.width for panel in figure.panels)
    columns = min(3 if width <= BROAD else 2, len(figure.panels))
    wide = columns * (width + GAP) + GAP
    legend = legend_lines(figure, wide - 2 * GAP)
    frames: list[Frame] = []
    high = GAP + LINE_OF_WORDS * len(legend)
    for first in range(0, len(figure.panels), columns):
        for index, panel in enumerate(figure.panels[first : first + columns]):
            left = GAP + index * (width + GAP)
            below = plot(panel, words).bottom + (BOTTOM if panel.x.title else BOTTOM / 2)
            frames.append(Frame(left, high, left + panel.width, high + below))
        high = max(frame.bottom for frame in frames[first:]) + GAP
    return Sheet(wide, high, legend, frames, words)


def plot(panel: Panel, words: int) -> Frame:
    """Return where the plot lies in its panel, below ``words`` lines of words."""
    ticks = max((len(label) for _, label in panel.y.ticks), default=0)
    top = TOP + LINE_OF_WORDS * words + (21 if panel.y.title else 4)
    letter = TICK if panel.width > BROAD else CHARACTER
    return Frame(letter * ticks + 6, top, panel.width - RIGHT, top + panel.height)


def lines_of_words(panel: Panel) -> list[list[tuple[str, Role]]]:
    """Break a panel's words into lines that fit."""
    lines: list[list[tuple[str, Role]]] = []
    used = panel.width
    for text, role in panel.words:
        needs = CHARACTER * len(text) + 10
        if used + needs > panel.width:
            lines.append([])
            used = 0.0
        lines[-1].append((text, role))
        used += needs
    return lines


def legend_lines(figure: Figure, width: float) -> list[str]:
    """Break a figure's legend into lines that fit ``width`` pixels."""
    lines: list[str] = []
    for entry in figure.legend:
        if lines and CHARACTER * len(f"{lines[-1]} · {entry}") < width:
            lines[-1] += f" · {entry}"
        else:
            lines.append(entry)
    return lines
