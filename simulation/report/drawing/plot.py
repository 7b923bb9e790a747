"""What a figure is before it is drawn: marks in the units of the data, the finding in words, and the numbers.

A figure has a panel a family. Panels are drawn apart, so that a page can set them beside or below one another.
Colours are roles, which a page, a file and a printer each translate for themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, final

Role: TypeAlias = Literal["before", "after", "harm", "context", "ink", "muted"]

PAPER: dict[Role, str] = {
    "before": "#a85a00",
    "after": "#005a9c",
    "harm": "#c1272d",
    "context": "#76756f",
    "ink": "#1c1c1a",
    "muted": "#63625d",
}
"""Colours on white, after Okabe and Ito: orange and blue differ for every kind of colour-blindness, and somewhat in
grey, where widths and shapes tell them apart, too."""

NIGHT: dict[Role, str] = {
    "before": "#f0a63c",
    "after": "#62b6f0",
    "harm": "#ff8577",
    "context": "#94938c",
    "ink": "#ecebe6",
    "muted": "#a9a7a0",
}
"""The same on a dark page."""

GRID, SHEET = "#e4e3dd", "#ffffff"
SIZES = {"name": 14, "measure": 12.5, "cell": 12.5, "words": 12, "label": 12, "axis": 11, "tick": 11, "under": 10}
"""Classes of words, and their size in pixels."""

Numbers: TypeAlias = Sequence[float]


@final
@dataclass(frozen=True)
class Line:
    """A line through points; ``says`` is shown where a pointer rests on it."""

    x: Numbers
    y: Numbers
    role: Role
    width: float = 1.8
    dash: str = ""
    opacity: float = 1.0
    says: str = ""


@final
@dataclass(frozen=True)
class Band:
    """The area between two lines: an interval."""

    x: Numbers
    low: Numbers
    high: Numbers
    role: Role
    opacity: float = 0.16


@final
@dataclass(frozen=True)
class Points:
    """Single values; a cross differs from a dot without its colour."""

    x: Numbers
    y: Numbers
    role: Role
    shape: Literal["dot", "cross", "ring"] = "dot"
    radius: float = 3.0
    opacity: float = 1.0
    says: Sequence[str] = ()


@final
@dataclass(frozen=True)
class Box:
    """A cell of a heat map, with its text in the middle."""

    x: tuple[float, float]
    y: tuple[float, float]
    role: Role
    opacity: float
    says: str
    text: str
    under: Sequence[str] = ()
    bold: bool = False


@final
@dataclass(frozen=True)
class Cells:
    """Squares of one unit around points, all alike: a part of a dense heat map."""

    x: Numbers
    y: Numbers
    role: Role
    opacity: float


@final
@dataclass(frozen=True)
class Text:
    """Words at a point, ``dx`` and ``dy`` pixels beside it."""

    x: float
    y: float
    text: str
    role: Role
    anchor: Literal["start", "middle", "end"] = "start"
    dx: float = 0.0
    dy: float = 0.0
    bold: bool = False


Mark: TypeAlias = Line | Band | Points | Box | Cells | Text


@final
@dataclass(frozen=True)
class Axis:
    """One axis: its range, its ticks and its name."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    title: str = ""
    log: bool = False
    grid: bool = False


@final
@dataclass(frozen=True)
class Panel:
    """One family's part of a figure.

    Attributes:
        name: What stands above it.
        measure: What its scores are, in grey beside the name.
        words: Coloured words below the name, in place of a legend.
        x: The horizontal axis.
        y: The vertical one.
        marks: What is drawn, in this order.
        says: Its finding, for those who do not see it.
        height: Of the plot itself, in pixels.
        width: Of the panel; a page scales it by a fifth or so, so that its words stay legible on a phone.
    """

    name: str
    measure: str
    words: Sequence[tuple[str, Role]]
    x: Axis
    y: Axis
    marks: Sequence[Mark]
    says: str
    height: float = 150.0
    width: float = 300.0


@final
@dataclass(frozen=True)
class Figure:
    """A figure: panels, what they show, and the numbers behind them.

    Attributes:
        key: Names its files and its place in the page.
        title: What it is.
        finding: What it shows here, one or two sentences.
        caption: How to read it, and how its intervals were made.
        panels: At least one.
        columns: Names of the columns of ``rows``.
        rows: The numbers that are drawn.
        legend: What letters in the panels stand for.
    """

    key: str
    title: str
    finding: str
    caption: str
    panels: Sequence[Panel]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]] = field(repr=False)
    legend: Sequence[str] = ()
