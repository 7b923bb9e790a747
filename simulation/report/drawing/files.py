"""A figure in a page and as files: SVG, PNG and PDF for a paper or a slide, CSV for a spreadsheet."""

import base64
import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from server.files import draft
from simulation.report.drawing.frame import BROAD, sheet
from simulation.report.drawing.plot import GRID, NIGHT, PAPER, SHEET, SIZES, Figure
from simulation.report.drawing.svg import elements
from simulation.report.words import escape

SUFFIXES = (".svg", ".png", ".pdf", ".csv")
FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"

LETTERS = (
    "".join(f".{name}{{font-size:{size}px}}" for name, size in SIZES.items())
    + ".name{font-weight:650}.measure{font-weight:400}text{font-variant-numeric:tabular-nums}"
    "path{fill:none;stroke-linejoin:round;stroke-linecap:round}"
)
"""What a figure's classes mean, its colours excepted: the same in a page and in a file."""


def rules(colour: dict[str, str], line: str, paper: str) -> str:
    """Return the style rules of the colours: strokes, fills and words of each role."""
    each = "".join(f".s-{role}{{stroke:{value}}}.f-{role},.t-{role}{{fill:{value}}}" for role, value in colour.items())
    ink, muted = colour["ink"], colour["muted"]
    return (
        f".name,.cell{{fill:{ink}}}.measure,.axis,.tick{{fill:{muted}}}.under{{fill:{ink}}}"
        f".base{{stroke:{muted}}}.grid{{stroke:{line}}}{each}.f-sheet{{fill:{paper}}}"
    )


def style() -> Markup:
    """Return the rules of a page's figures: roles are variables, which follow the reader's light or dark setting."""
    light, dark = (";".join(f"--{role}:{value}" for role, value in side.items()) for side in (PAPER, NIGHT))
    colours = rules({str(role): f"var(--{role})" for role in PAPER}, "var(--line)", "var(--paper)")
    return Markup(
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        f"@media print{{:root{{{light}}}}}\n{LETTERS}\n{colours}"
    )


def inline(figure: Figure, panels: Sequence[str]) -> list[Markup]:
    """Return the figure's panels as ``<svg>`` elements for a page, whose style sheet has the classes."""
    return [
        Markup(
            f'<svg class="panel" viewBox="{at.left:.0f} {at.top:.0f} {panel.width:.0f} {at.bottom - at.top:.0f}"'
            f' role="img" style="max-width:{1.4 * panel.width:.0f}px"'
            f' aria-label="{escape(": ".join(filter(None, [panel.name, panel.says])))}">{drawn}</svg>'
        )
        for panel, at, drawn in zip(figure.panels, sheet(figure).panels, panels, strict=True)
    ]


def svg(figure: Figure, legend: str, panels: Sequence[str], dark: bool = False) -> str:
    """Return the figure as a file of its own, on white; ``dark``: where its reader prefers that, in colours for it."""
    where = sheet(figure)
    colours = rules({str(role): value for role, value in PAPER.items()}, GRID, SHEET)
    if dark:
        night = rules({str(role): value for role, value in NIGHT.items()}, "#34332e", "#161614")
        colours += f"@media (prefers-color-scheme: dark){{{night}}}"
    body = "".join([legend, *panels]).replace("<use href", "<use xlink:href")  # as editors of drawings read it
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{where.wide:.0f}" height="{where.high:.0f}" viewBox="0 0 {where.wide:.0f} {where.high:.0f}" '
        f'role="img" font-family="{FONT}"><title>{escape(figure.title)}</title><desc>{escape(figure.finding)}</desc>'
        f"<style>{LETTERS}{colours}</style>"
        f'<rect width="100%" height="100%" class="f-sheet"/>{body}</svg>\n'
    )


def write(figure: Figure, path: Path) -> None:
    """Write a figure to ``path`` as its suffix says, the same bytes for the same figure.

    Raises:
        OSError: It cannot be written.
    """
    with draft(path) as beside:
        if path.suffix in (".svg", ".csv"):
            text = svg(figure, *elements(figure)) if path.suffix == ".svg" else table(figure)
            beside.write_text(text, encoding="utf-8")
        else:
            # here, since it loads matplotlib, which takes a second
            from simulation.report.drawing.paint import draw

            beside.write_bytes(draw(figure, path.suffix[1:]))


def table(figure: Figure) -> str:
    """Return the figure's numbers as CSV with full precision; what is unknown is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(figure.columns)
    for row in figure.rows:
        writer.writerow([*map(cell, row)])
    return text.getvalue()


def cell(value: Any) -> Any:
    """Return a value as CSV has it; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, bool) or value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "" if not isinstance(value, bool) else str(value).lower()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def address(text: str, kind: str) -> Markup:
    """Return a link's address that holds a file itself."""
    return Markup(f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}")


def shown(figure: Figure) -> dict[str, Any]:
    """Return what a page needs of a figure, which is drawn once for its panels and its file."""
    legend, panels = elements(figure)
    return {
        "id": figure.key,
        "title": figure.title,
        "finding": figure.finding,
        "caption": figure.caption,
        "legend": list(figure.legend),
        "broad": max(panel.width for panel in figure.panels) > BROAD,
        "panels": inline(figure, panels),
        "svg": address(svg(figure, legend, panels), "image/svg+xml"),
        "csv": address(table(figure), "text/csv"),
        "file": figure.key,
    }
