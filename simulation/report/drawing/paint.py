"""The one place where figures are drawn, by matplotlib: for a page, for a file of SVG, for PNG and PDF.

A pixel of a panel is a point of matplotlib's. What ``svg.py`` must know again has a ``gid``: of words it is their
class in the page's style sheet (after ``+``: they continue the line before), of a mark its panel and its place there.
"""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulation.report.drawing.frame import LINE_OF_WORDS, TOP, Frame, Sheet, lines_of_words, plot, sheet
from simulation.report.drawing.plot import PAPER, Axis, Band, Box, Cells, Figure, Line, Mark, Panel, Points, Text
from simulation.report.words import CONTROL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID, SHEET = "#e4e3dd", "#ffffff"
POINTS = 72.0
"""Points of an inch."""
SIZES = {"name": 14.0, "measure": 12.5, "cell": 12.5, "words": 12.0, "label": 12.0, "axis": 11.0, "tick": 11.0, "under": 10.0}
"""Classes of words, and their size in pixels."""
SETTINGS = {
    "text.parse_math": False,  # a name with two dollars is a name
    "svg.fonttype": "none",
    "svg.hashsalt": "metafed",
    "pdf.fonttype": 42,
    "axes.linewidth": 1.0,
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
        printed(figure, sheet(figure)).savefig(file, format=kind, dpi=160, metadata=WITHOUT_DATE[kind])
    return file.getvalue()


def printed(figure: Figure, where: Sheet) -> Any:
    """Return the figure as matplotlib's."""
    from matplotlib.figure import Figure as Printed
    from matplotlib.transforms import Affine2D

    whole = Printed(figsize=(where.wide / POINTS, where.high / POINTS), dpi=POINTS, facecolor=SHEET)
    whole.patch.set_gid("sheet")
    for number, (panel, frame) in enumerate(zip(figure.panels, where.panels, strict=True)):
        pixels = Affine2D().translate(frame.left, frame.top).scale(1 / POINTS, -1 / POINTS)
        pixels = pixels.translate(0, where.high / POINTS) + whole.dpi_scale_trans
        own = plot(panel, where.words)
        left, bottom = frame.left + own.left, where.high - frame.top - own.bottom
        axes = whole.add_axes(
            (left / where.wide, bottom / where.high, (own.right - own.left) / where.wide, panel.height / where.high)
        )
        axes.set_gid("panel")
        axes.patch.set_visible(False)
        heading(axes, panel, own, pixels)
        scales(axes, panel)
        for place, mark in enumerate(panel.marks):
            put(axes, mark, panel, gid=f"{number}-{place}", zorder=3 + place)
    for number, line in enumerate(where.legend):
        height = 1 - (32 + LINE_OF_WORDS * number) / where.high
        whole.text(28 / where.wide, height, clean(line), size=12, color=PAPER["ink"], gid="words t-ink")
    return whole


def heading(axes: "Axes", panel: Panel, own: Frame, pixels: Any) -> None:
    """Write what stands above the plot: the panel's name and measure, its words, the name of the vertical axis."""
    lines = [
        [("name", panel.name, "ink"), *([("measure", panel.measure, "muted")] if panel.measure else [])],
        *([(f"words t-{role}", text, role) for text, role in line] for line in lines_of_words(panel)),
        [("axis", panel.y.title, "muted")] if panel.y.title else [],
    ]
    heights = [13.0, *(TOP + 5 + LINE_OF_WORDS * number for number in range(len(lines) - 2)), own.top - 13]
    for line, height in zip(lines, heights, strict=True):
        before = None
        for kind, text, role in line:
            how: dict[str, Any] = {"color": PAPER[role], "size": SIZES[kind.partition(" ")[0]]}
            how["weight"] = "bold" if kind == "name" else "normal"
            if before is None:
                before = axes.text(0, height, clean(text), transform=pixels, gid=kind, **how)
            else:
                before = axes.annotate(
                    clean(text), (1, 0), (9, 0), xycoords=before, textcoords="offset points", va="bottom", gid=f"+{kind}", **how
                )


def scales(axes: "Axes", panel: Panel) -> None:
    """Set the ranges, the ticks, the grid and the name of the horizontal axis."""
    for name, axis in (("x", panel.x), ("y", panel.y)):
        if axis.log:
            axes.set(**{f"{name}scale": "log"})
        axes.set(**{f"{name}lim": (axis.low, axis.high)})
        own = getattr(axes, f"{name}axis")
        own.set_ticks([at for at, _ in axis.ticks], [clean(label) for _, label in axis.ticks])
        own.set_ticks([], minor=True)
        own.set_tick_params(length=0, pad=6 if name == "y" else 4, labelsize=SIZES["tick"], labelcolor=PAPER["muted"])
        for label in own.get_ticklabels():
            label.set_gid("tick")
    if panel.y.grid:
        axes.grid(axis="y", color=GRID, linewidth=1, gid="grid")
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom" and bool(panel.x.ticks) and not any(isinstance(one, Box) for one in panel.marks))
        spine.set(color=PAPER["muted"], gid="base")
    if panel.x.title:
        axes.annotate(
            clean(panel.x.title), (0.5, 0), (0, -30), xycoords="axes fraction", textcoords="offset points", ha="center",
            color=PAPER["muted"], size=SIZES["axis"], gid="axis",
        )  # fmt: skip


def put(axes: "Axes", mark: Mark, panel: Panel, **how: Any) -> None:
    """Draw one mark; what lies beyond the axes is drawn at their edge."""

    def along(values: Sequence[float], axis: Axis) -> list[float]:
        return [min(axis.high, max(axis.low, value)) for value in values]

    how |= {"clip_on": False}
    match mark:
        case Line():
            dash: Any = (0, tuple(float(part) for part in mark.dash.split())) if mark.dash else "-"
            how |= {"color": PAPER[mark.role], "alpha": mark.opacity, "linewidth": mark.width, "linestyle": dash}
            axes.plot(along(mark.x, panel.x), along(mark.y, panel.y), solid_capstyle="round", dash_capstyle="round", **how)
        case Band():
            x, ends = along(mark.x, panel.x), (along(mark.low, panel.y), along(mark.high, panel.y))
            how |= {"color": PAPER[mark.role], "alpha": mark.opacity, "linewidth": 0}
            axes.fill([*x, *x[::-1]], [*ends[1], *ends[0][::-1]], **how)
        case Points():
            face = SHEET if mark.shape == "ring" else PAPER[mark.role]
            how |= {"color": PAPER[mark.role], "alpha": mark.opacity, "markerfacecolor": face}
            edge = 0.0 if mark.shape == "dot" else 1.8
            axes.plot(
                along(mark.x, panel.x), along(mark.y, panel.y), SHAPES[mark.shape], markersize=2 * mark.radius,
                markeredgewidth=edge, **how,
            )  # fmt: skip
        case Box():
            box(axes, mark, **how)
        case Cells():
            cells(axes, mark, **how)
        case Text():
            where = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
            weight = "bold" if mark.bold else "normal"
            word(axes, mark.text, (mark.x, mark.y), (mark.dx, -mark.dy), f"label t-{mark.role}", ha=where, weight=weight,
                 color=PAPER[mark.role], zorder=how["zorder"])  # fmt: skip


def box(axes: "Axes", mark: Box, **how: Any) -> None:
    """Draw a heat map's cell or a bar, a pixel smaller on each side, with its text in the middle."""
    from matplotlib.patches import Rectangle

    (left, right), (low, high) = mark.x, mark.y
    across, up = (abs(1 / pixels) for pixels in axes.transData.transform((1, 1)) - axes.transData.transform((0, 0)))
    how |= {"color": PAPER[mark.role], "alpha": mark.opacity, "linewidth": 0}
    axes.add_patch(Rectangle((left + across, low + up), right - left - 2 * across, high - low - 2 * up, **how))
    middle, height = ((left + right) / 2, (low + high) / 2), 6 * len(mark.under) - 4
    lines = [(mark.text, "cell"), *((text, "under") for text in mark.under)]
    for number, (text, kind) in enumerate(lines):
        weight = "bold" if mark.bold and kind == "cell" else "normal"
        word(axes, text, middle, (0, height - 13 * number), kind, ha="center", weight=weight, zorder=how["zorder"])


def cells(axes: "Axes", mark: Cells, **how: Any) -> None:
    """Draw equal cells as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = [(x + dx, y + dy) for x, y in zip(mark.x, mark.y, strict=True) for dx, dy in
               ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5))]  # fmt: skip
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(mark.x)
    how |= {"color": PAPER[mark.role], "alpha": mark.opacity, "linewidth": 0}
    axes.add_patch(PathPatch(Path(corners, codes), **how))


def word(axes: "Axes", text: str, at: tuple[float, float], aside: tuple[float, float], kind: str, **how: Any) -> None:
    """Write words some pixels beside a point in the units of the data."""
    how = {"color": PAPER["ink"], "size": SIZES[kind.partition(" ")[0]], "gid": kind, "annotation_clip": False, **how}
    if text:
        axes.annotate(clean(text), at, aside, textcoords="offset points", **how)


def clean(text: str) -> str:
    """Return a text as one line, without what XML may not contain."""
    return " ".join(CONTROL.sub("�", text).split("\n"))
