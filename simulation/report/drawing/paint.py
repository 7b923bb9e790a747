"""The one place where figures are drawn, by matplotlib: for a page, for a file of SVG, for PNG and PDF.

A pixel is a point of matplotlib's. There are no ``Axes``: they would take three times as long, and ticks, words and
marks have their places in pixels anyway. All that is drawn has a ``gid``, for ``svg.py``: the panel's number and after
``/`` a class of the page's style sheet, or the mark's number. ``+`` stands before words that continue a line.
"""

import io
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from simulation.report.drawing.frame import GAP, LINE_OF_WORDS, TOP, Frame, lines_of_words, plot, sheet
from simulation.report.drawing.plot import PAPER, Band, Box, Cells, Figure, Line, Mark, Panel, Points, Role, Text
from simulation.report.drawing.scale import place
from simulation.report.words import CONTROL

GRID, SHEET = "#e4e3dd", "#ffffff"
POINTS = 72.0
"""Points of an inch."""
SIZES = {"name": 14, "measure": 12.5, "cell": 12.5, "words": 12, "label": 12, "axis": 11, "tick": 11, "under": 10}
"""Classes of words, and their size in pixels."""
SETTINGS = {
    "text.parse_math": False,  # a name with two dollars is a name
    "svg.fonttype": "none",
    "svg.hashsalt": "metafed",
    "pdf.fonttype": 42,
}
WITHOUT_DATE: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
SHAPES = {"dot": "o", "ring": "o", "cross": "x"}


def draw(figure: Figure, kind: str) -> bytes:
    """Return the figure as a file of the ``kind`` svg, png or pdf, the same bytes for the same figure."""
    import matplotlib as mpl

    file = io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a page has more letters than matplotlib's font
        mpl.rcdefaults()  # nothing of somebody's own settings
        mpl.rcParams.update(SETTINGS)
        printed(figure).savefig(file, format=kind, dpi=160, metadata=WITHOUT_DATE[kind])
    return file.getvalue()


def printed(figure: Figure) -> Any:
    """Return the figure as matplotlib's."""
    from matplotlib.figure import Figure as Printed
    from matplotlib.transforms import Affine2D

    where = sheet(figure)
    whole = Printed(figsize=(where.wide / POINTS, where.high / POINTS), dpi=POINTS, facecolor=SHEET)
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
        from matplotlib.lines import Line2D

        self.add(Line2D(x, y, solid_capstyle="round", dash_capstyle="round", **how), gid)

    def area(self, corners: Sequence[tuple[float, float]], gid: str, codes: Any = None, **how: Any) -> None:
        """Fill an area."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        self.add(PathPatch(Path(corners, codes), linewidth=0, **how), gid)

    def words(
        self, text: str, at: tuple[float, float], gid: str, role: Role, side: str = "left", bold: bool = False
    ) -> None:
        """Write a line of words."""
        from matplotlib.text import Text as Words

        if text:
            how = {"size": size(gid), "weight": "bold" if bold else "normal", "color": PAPER[role]}
            self.add(Words(*at, clean(text), ha=side, va="baseline", **how), gid)


def size(gid: str) -> float:
    """Return how many pixels high words of a class are."""
    return SIZES[gid.strip("+").partition(" ")[0]]


def clean(text: str) -> str:
    """Return a text as one line, without what XML may not contain."""
    return " ".join(CONTROL.sub("�", text).splitlines())


def wide(text: str, gid: str, bold: bool = False) -> float:
    """Return how many pixels wide words are in matplotlib's font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size(gid), weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(clean(text), font, ismath=False)[0])


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

    colour = PAPER[mark.role]
    match mark:
        case Line():
            dash: Any = (0, tuple(float(part) / mark.width for part in mark.dash.split())) if mark.dash else "-"
            how = {"linewidth": mark.width, "linestyle": dash, "alpha": mark.opacity}
            pen.line(across(mark.x), up(mark.y), gid, color=colour, **how)
        case Band():
            x = across(mark.x)
            there, back = zip(x, up(mark.high), strict=True), zip(x[::-1], up(mark.low[::-1]), strict=True)
            pen.area([*there, *back], gid, color=colour, alpha=mark.opacity)
        case Points():
            how = {"marker": SHAPES[mark.shape], "markersize": 2 * mark.radius, "alpha": mark.opacity}
            how["markeredgewidth"] = 0.0 if mark.shape == "dot" else 1.8
            how["markerfacecolor"] = SHEET if mark.shape == "ring" else colour
            pen.line(across(mark.x), up(mark.y), gid, color=colour, linestyle="none", **how)
        case Box():
            box(pen, mark, (across(mark.x), up(mark.y)), gid)
        case Cells():
            sides = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)]
            corners = [(x + dx, y + dy) for x, y in zip(mark.x, mark.y, strict=True) for dx, dy in sides]
            placed = zip(across([x for x, _ in corners]), up([y for _, y in corners]), strict=True)
            codes = [1, 2, 2, 2, 79] * len(mark.x)  # matplotlib's for move, three lines and close
            pen.area([*placed], gid, codes, color=colour, alpha=mark.opacity)
        case Text():
            (x,), (y,) = across((mark.x,)), up((mark.y,))
            side = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
            pen.words(mark.text, (x + mark.dx, y + mark.dy), f"label t-{mark.role}", mark.role, side, mark.bold)


def box(pen: Pen, mark: Box, corners: tuple[Sequence[float], Sequence[float]], gid: str) -> None:
    """Draw a heat map's cell or a bar, a pixel smaller on each side, with its words in the middle."""
    from matplotlib.patches import FancyBboxPatch

    (left, right), (bottom, top) = corners
    round_off = "round,pad=0,rounding_size=3"
    across, up = max(0.0, right - left - 2), bottom - top - 2
    how = {"color": PAPER[mark.role], "alpha": mark.opacity, "linewidth": 0}
    pen.add(FancyBboxPatch((left + 1, top + 1), across, up, boxstyle=round_off, **how), gid)
    middle, line = (left + right) / 2, (top + bottom) / 2 + 4 - 6 * len(mark.under)
    pen.words(mark.text, (middle, line), "cell", "ink", "center", mark.bold)
    for number, text in enumerate(mark.under, start=1):
        pen.words(text, (middle, line + 13 * number), "under", "ink", "center")
