"""The one place where figures are drawn, by matplotlib: for a page, for a file of SVG, for PNG and PDF.

A pixel is a point of matplotlib's. There are no ``Axes``: they would take three times as long, and ticks, words and
marks have their places in pixels anyway. All that is drawn has a ``gid``, for ``svg.py``: the panel's number and after
``/`` a class of the page's style sheet, or the mark's number. ``+`` stands before words that continue a line.
"""

import simulation.report.drawing.screenless  # noqa: F401  (first: it loads matplotlib)

# isort: split
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure as Printed
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.text import Text as Words
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from simulation.report.drawing.frame import GAP, LINE_OF_WORDS, TOP, Frame, lines_of_words, plot, sheet
from simulation.report.drawing.plot import (
    GRID,
    PAPER,
    SHEET,
    SIZES,
    Band,
    Box,
    Cells,
    Figure,
    Line,
    Mark,
    Panel,
    Points,
    Role,
    Text,
)
from simulation.report.drawing.scale import place
from simulation.report.words import CONTROL

POINTS = 72.0
"""Points of an inch."""
SETTINGS: Any = {
    "text.parse_math": False,  # a name with two dollars is a name
    "svg.fonttype": "none",
    "svg.hashsalt": "metafed",
    "pdf.fonttype": 42,
}
WITHOUT_DATE: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
SHAPES = {"dot": "o", "ring": "o", "cross": "x"}


def draw(figure: Figure, kind: str) -> bytes:
    """Return the figure as a file of the ``kind`` svg, png or pdf, the same bytes for the same figure."""
    with plain():
        return saved(printed(figure), kind)


@contextmanager
def plain() -> Iterator[None]:
    """Draw by our settings alone, without those of a user."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a page has more letters than matplotlib's font
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def saved(figure: Printed, kind: str) -> bytes:
    """Return a figure of matplotlib as a file."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=160, metadata=WITHOUT_DATE[kind])
    return file.getvalue()


class Inline(Printed):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        with plain():
            return saved(self, "png")


def printed(figure: Figure) -> Any:
    """Return the figure as matplotlib's."""
    where = sheet(figure)
    whole = Inline(figsize=(where.wide / POINTS, where.high / POINTS), dpi=POINTS, facecolor=SHEET)
    whole.patch.set_gid("sheet")
    pixels = Affine2D().scale(1 / POINTS, -1 / POINTS).translate(0, where.high / POINTS) + whole.dpi_scale_trans
    for number, line in enumerate(where.legend):
        Pen(whole, pixels, "legend").words(line, (GAP, GAP + 4 + LINE_OF_WORDS * number), "words t-ink", "ink")
    for number, (panel, frame) in enumerate(zip(figure.panels, where.panels, strict=True)):
        pen = Pen(whole, Affine2D().translate(frame.left, frame.top) + pixels, str(number))
        own = plot(panel, where.words)
        heading(pen, panel, own)
        scales(pen, panel, own)
        for index, mark in enumerate(panel.marks):
            put(pen, mark, panel, own, str(index))
    return whole


class Pen(NamedTuple):
    """What draws in one panel, in pixels from its upper left corner; the later lies on the earlier."""

    whole: Any
    pixels: Any
    name: str

    def add(self, artist: Any, gid: str) -> None:
        """Put something into the figure."""
        artist.set(gid=f"{self.name}/{gid}", zorder=len(self.whole.artists), transform=self.pixels)
        self.whole.add_artist(artist)

    def line(self, x: Sequence[float], y: Sequence[float], gid: str, **how: Any) -> None:
        """Draw a line, or the markers of its points."""
        self.add(Line2D(x, y, solid_capstyle="round", dash_capstyle="round", **how), gid)

    def area(self, corners: Sequence[tuple[float, float]], gid: str, codes: Any = None, **how: Any) -> None:
        """Fill an area."""
        self.add(PathPatch(Path(corners, codes), linewidth=0, **how), gid)

    def words(
        self, text: str, at: tuple[float, float], gid: str, role: Role, side: str = "left", bold: bool = False
    ) -> None:
        """Write a line of words."""
        if text:
            how: Any = {"fontproperties": font(gid, bold), "color": PAPER[role], "ha": side, "va": "baseline"}
            self.add(Words(*at, clean(text), **how), gid)


def font(gid: str, bold: bool) -> FontProperties:
    """Return matplotlib's font for words of a class."""
    return FontProperties(size=SIZES[gid.strip("+").partition(" ")[0]], weight="bold" if bold else "normal")


def clean(text: str) -> str:
    """Return a text as one line, without what XML may not contain."""
    return " ".join(CONTROL.sub("�", text).splitlines())


def wide(text: str, gid: str, bold: bool = False) -> float:
    """Return how many pixels wide words are in matplotlib's font."""
    return float(text_to_path.get_text_width_height_descent(clean(text), font(gid, bold), ismath=False)[0])


def heading(pen: Pen, panel: Panel, own: Frame) -> None:
    """Write what stands above the plot: the panel's name and measure, its words, the name of the vertical axis."""
    pen.words(panel.name, (0, 13), "name", "ink", bold=True)
    if panel.measure:
        pen.words(panel.measure, (wide(panel.name, "name", bold=True) + 7, 13), "+measure", "muted")
    for number, line in enumerate(lines_of_words(panel)):
        left = 0.0
        for text, role in line:
            gid = f"{'+' * (left > 0)}words t-{role}"
            pen.words(text, (left, TOP + 5 + LINE_OF_WORDS * number), gid, role)
            left += wide(text, gid) + 12
    pen.words(panel.y.title, (0, own.top - 13), "axis", "muted")


def scales(pen: Pen, panel: Panel, own: Frame) -> None:
    """Draw the ticks and the grid, and the name of the horizontal axis."""
    for value, label in panel.y.ticks:
        y = place(value, panel.y, own.bottom, own.top)
        if panel.y.grid:
            pen.line((own.left, own.right), (y, y), "grid", color=GRID, linewidth=1)
        pen.words(label, (own.left - 6, y + 3.7), "tick", "muted", "right")
    if panel.x.ticks and not any(isinstance(mark, Box) and mark.text for mark in panel.marks):
        pen.line((own.left, own.right), (own.bottom, own.bottom), "base", color=PAPER["muted"], linewidth=1)
    for value, label in panel.x.ticks:
        pen.words(label, (place(value, panel.x, own.left, own.right), own.bottom + 14), "tick", "muted", "center")
    pen.words(panel.x.title, ((own.left + own.right) / 2, own.bottom + 30), "axis", "muted", "center")


def put(pen: Pen, mark: Mark, panel: Panel, own: Frame, gid: str) -> None:
    """Draw one mark; what lies beyond the axes is drawn at their edge."""

    def across(values: Sequence[float]) -> list[float]:
        return [place(value, panel.x, own.left, own.right) for value in values]

    def up(values: Sequence[float]) -> list[float]:
        return [place(value, panel.y, own.bottom, own.top) for value in values]

    how: dict[str, Any] = {"color": PAPER[mark.role]}
    match mark:
        case Line():
            how["linestyle"] = (0, [float(part) / mark.width for part in mark.dash.split()]) if mark.dash else "-"
            pen.line(across(mark.x), up(mark.y), gid, linewidth=mark.width, alpha=mark.opacity, **how)
        case Band():
            x = across(mark.x)
            there, back = zip(x, up(mark.high), strict=True), zip(x[::-1], up(mark.low[::-1]), strict=True)
            pen.area([*there, *back], gid, alpha=mark.opacity, **how)
        case Points():
            how |= {"marker": SHAPES[mark.shape], "markersize": 2 * mark.radius, "linestyle": "none"}
            how["markeredgewidth"] = 0.0 if mark.shape == "dot" else 1.8
            how["markerfacecolor"] = SHEET if mark.shape == "ring" else PAPER[mark.role]
            pen.line(across(mark.x), up(mark.y), gid, alpha=mark.opacity, **how)
        case Box():
            box(pen, mark, (across(mark.x), up(mark.y)), gid)
        case Cells():
            ends = [(across((x - 0.5, x + 0.5)), up((y - 0.5, y + 0.5))) for x, y in zip(mark.x, mark.y, strict=True)]
            corners = [(x[i], y[j]) for x, y in ends for i, j in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
            codes = [1, 2, 2, 2, 79] * len(ends)  # matplotlib's for move, three lines and close
            pen.area(corners, gid, codes, alpha=mark.opacity, **how)
        case Text():
            (left,), (top,) = across((mark.x,)), up((mark.y,))
            side = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
            pen.words(mark.text, (left + mark.dx, top + mark.dy), f"label t-{mark.role}", mark.role, side, mark.bold)


def box(pen: Pen, mark: Box, corners: tuple[Sequence[float], Sequence[float]], gid: str) -> None:
    """Draw a heat map's cell or a bar, a pixel smaller on each side, with its words in the middle."""
    (left, right), (bottom, top) = corners
    how: Any = {"boxstyle": "round,pad=0,rounding_size=3", "color": PAPER[mark.role], "linewidth": 0}
    size = max(0.0, right - left - 2), bottom - top - 2
    pen.add(FancyBboxPatch((left + 1, top + 1), *size, alpha=mark.opacity, **how), gid)
    middle, line = (left + right) / 2, (top + bottom) / 2 + 4 - 6 * len(mark.under)
    pen.words(mark.text, (middle, line), "cell", "ink", "center", mark.bold)
    for number, text in enumerate(mark.under, start=1):
        pen.words(text, (middle, line + 13 * number), "under", "ink", "center")
