"""A figure as a file of its own: SVG and CSV as in the page, PNG and PDF by matplotlib for those who print."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.report.drawing.files import svg, table
from simulation.report.drawing.plot import PAPER, Band, Box, Figure, Line, Mark, Panel, Points, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png", ".pdf", ".csv")
INCH = 100.0
"""Pixels of a panel to an inch of paper."""


def write(figure: Figure, path: Path) -> None:
    """Write ``figure`` to ``path`` as its suffix says, the same bytes for the same figure.

    Raises:
        OSError: It cannot be written.
    """
    if path.suffix in (".svg", ".csv"):
        path.write_text(svg(figure) if path.suffix == ".svg" else table(figure), encoding="utf-8")
        return
    metadata: dict[str, Any] = {"CreationDate": None} if path.suffix == ".pdf" else {}
    drawn = printed(figure)
    drawn.savefig(path, dpi=200, facecolor="white", metadata=metadata)


def printed(figure: Figure) -> Any:
    """Return the figure as matplotlib's."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Printed

    broad = max(panel.width for panel in figure.panels) / 300
    columns = min(3 if broad <= 1 else 2, len(figure.panels))
    rows = math.ceil(len(figure.panels) / columns)
    height = max(panel.height for panel in figure.panels) / INCH + 1.15
    with mpl.rc_context({"font.size": 8.5, "text.parse_math": False, "pdf.fonttype": 42}):
        whole = Printed(figsize=(3.3 * broad * columns, height * rows), layout="constrained")
        if figure.legend:
            whole.suptitle("    ".join(figure.legend), fontsize=8, x=0.01, ha="left")
        grid = whole.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(figure.panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, figure.panels, strict=False):
            paint(axes, panel)
        whole.canvas.draw()  # names of ticks are laid out within these settings
    return whole


def paint(axes: "Axes", panel: Panel) -> None:
    """Draw one panel."""
    axes.set_title(f"{panel.name}\n", loc="left", fontweight="bold", fontsize=9.5, pad=14)
    axes.set_title(f"{panel.measure}\n", loc="right", fontsize=8.5, color=PAPER["muted"], pad=14)
    left = 0.0
    for text, role in panel.words:
        note = axes.annotate(
            text,
            (0, 1),
            (left, 14),
            xycoords="axes fraction",
            textcoords="offset points",
            color=PAPER[role],
            fontsize=8,
        )
        note.set_in_layout(False)
        left += 4.6 * len(text) + 8
    for name, axis in (("x", panel.x), ("y", panel.y)):
        if axis.log:
            getattr(axes, f"set_{name}scale")("log")
        getattr(axes, f"set_{name}lim")(axis.low, axis.high)
        getattr(axes, f"set_{name}ticks")([at for at, _ in axis.ticks], [label for _, label in axis.ticks])
        getattr(axes, f"set_{name}ticks")([], minor=True)
        getattr(axes, f"set_{name}label")(axis.title, color=PAPER["muted"], fontsize=8)
        axes.tick_params(axis=name, length=0, labelcolor=PAPER["muted"], labelsize=8)  # type: ignore[arg-type]
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PAPER["muted"])
    if panel.y.grid:
        axes.grid(axis="y", color="#e4e3dd", linewidth=0.7)
        axes.set_axisbelow(True)
    for mark in panel.marks:
        put(axes, mark, panel)


def put(axes: "Axes", mark: Mark, panel: Panel) -> None:
    """Draw one mark; what lies beyond the axes is drawn at their edge."""

    def inside(values: Any, axis: Any) -> list[float]:
        return [min(axis.high, max(axis.low, value)) for value in values]

    match mark:
        case Line():
            dash: Any = (0, tuple(float(part) for part in mark.dash.split())) if mark.dash else "-"
            axes.plot(
                inside(mark.x, panel.x), inside(mark.y, panel.y), color=PAPER[mark.role], linewidth=mark.width * 0.8,
                linestyle=dash, alpha=mark.opacity, clip_on=False,
            )  # fmt: skip
        case Band():
            axes.fill_between(
                inside(mark.x, panel.x), inside(mark.low, panel.y), inside(mark.high, panel.y), color=PAPER[mark.role],
                alpha=mark.opacity, linewidth=0,
            )  # fmt: skip
        case Points():
            shape = {"dot": "o", "ring": "o", "cross": "x"}[mark.shape]
            face = "white" if mark.shape == "ring" else PAPER[mark.role]
            axes.plot(
                inside(mark.x, panel.x), inside(mark.y, panel.y), shape, color=PAPER[mark.role], markerfacecolor=face,
                markersize=1.4 * mark.radius, alpha=mark.opacity, markeredgewidth=0.0 if mark.shape == "dot" else 1.2,
                clip_on=False,
            )  # fmt: skip
        case Box():
            from matplotlib.patches import Rectangle

            (left, right), (low, high) = mark.x, mark.y
            fill = Rectangle(
                (left, low), right - left, high - low, color=PAPER[mark.role], alpha=mark.opacity, linewidth=0
            )
            axes.add_patch(fill)
            said = "\n".join([mark.text, *mark.under])
            weight = "bold" if mark.bold else "normal"
            axes.text((left + right) / 2, (low + high) / 2, said, ha="center", va="center", fontsize=7, weight=weight)
        case Text():
            where = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
            axes.annotate(
                mark.text, (mark.x, mark.y), (0.72 * mark.dx, -0.72 * mark.dy), textcoords="offset points", ha=where,
                color=PAPER[mark.role], fontsize=8, weight="bold" if mark.bold else "normal",
            )  # fmt: skip
