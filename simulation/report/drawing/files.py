"""A figure as files: SVG for a paper or a slide, CSV for a spreadsheet, and both as links that need no network."""

import base64
import csv
import io
import math
from typing import Any

from markupsafe import Markup

from simulation.report.drawing.plot import NIGHT, PAPER, Figure, Panel
from simulation.report.drawing.svg import BROAD, CHARACTER, LINE_OF_WORDS, body, height, word_lines
from simulation.report.words import escape

GAP = 28.0
"""Pixels between panels."""
FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif"

LETTERS = """.name{font-size:14px;font-weight:650}.measure{font-weight:400;font-size:12.5px}
.words,.label{font-size:12px}.axis,.tick{font-size:11px}.under{font-size:10px}.cell{font-size:12.5px}path{fill:none;stroke-linejoin:round;stroke-linecap:round}
.base{stroke-width:1}.grid{stroke-width:1}text{font-variant-numeric:tabular-nums}"""
"""What a figure's classes mean, its colours excepted: the same in a page and in a file."""


def rules(colour: dict[str, str], line: str, paper: str) -> str:
    """Return the style rules of the colours: strokes, fills, rings and words of each role."""
    each = "".join(
        f".s-{role}{{stroke:{value}}}.f-{role}{{fill:{value};stroke:none}}.r-{role}{{fill:{paper};stroke:{value}}}"
        f".t-{role}{{fill:{value}}}"
        for role, value in colour.items()
    )
    ink, muted = colour["ink"], colour["muted"]
    return (
        f".name,.cell{{fill:{ink}}}.measure,.axis,.tick{{fill:{muted}}}.under{{fill:{ink}}}"
        f".base{{stroke:{muted}}}.grid{{stroke:{line}}}{each}"
    )


def style() -> Markup:
    """Return the rules of a page's figures: roles are variables, which follow the reader's light or dark setting."""
    light, dark = (";".join(f"--{role}:{value}" for role, value in side.items()) for side in (PAPER, NIGHT))
    colours = rules({str(role): f"var(--{role})" for role in PAPER}, "var(--line)", "var(--paper)")
    return Markup(
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        f"@media print{{:root{{{light}}}}}\n{LETTERS}\n{colours}"
    )


def inline(figure: Figure) -> list[Markup]:
    """Return the figure's panels as ``<svg>`` elements for a page, whose style sheet has the classes."""
    words = word_lines(figure)
    return [
        Markup(
            f'<svg class="panel" viewBox="0 0 {panel.width:.0f} {height(panel, words):.0f}" role="img"'
            f' style="max-width:{1.4 * panel.width:.0f}px"'
            f' aria-label="{escape(spoken(panel))}">'
            f"{body(panel, words)}</svg>"
        )
        for panel in figure.panels
    ]


def spoken(panel: Panel) -> str:
    """Return what a screen reader says of a panel."""
    return ": ".join(filter(None, [panel.name, panel.says]))


def svg(figure: Figure) -> str:
    """Return the figure as a file of its own, on white: panels side by side, at most three in a row."""
    words = word_lines(figure)
    width = max(panel.width for panel in figure.panels)
    columns = min(3 if width <= 300 else 2, len(figure.panels))
    parts, high = [], GAP
    for line in legend_lines(figure, columns * (width + GAP) - GAP):
        parts.append(f'<text class="words t-ink" x="{GAP:.0f}" y="{high + 4:.0f}">{escape(line)}</text>')
        high += LINE_OF_WORDS
    for first in range(0, len(figure.panels), columns):
        row = figure.panels[first : first + columns]
        parts += [
            f'<g transform="translate({GAP + index * (width + GAP):.0f} {high:.1f})">{body(panel, words)}</g>'
            for index, panel in enumerate(row)
        ]
        high += max(height(panel, words) for panel in row) + GAP
    wide = columns * (width + GAP) + GAP
    colours = rules({str(role): value for role, value in PAPER.items()}, "#e4e3dd", "#ffffff")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="0 0 {wide:.0f} {high:.0f}" role="img" font-family="{FONT}">'
        f"<title>{escape(figure.title)}</title><desc>{escape(figure.finding)}</desc>"
        f"<style>{LETTERS}{colours}</style>"
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def legend_lines(figure: Figure, width: float) -> list[str]:
    """Break a figure's legend into lines that fit ``width`` pixels."""
    lines: list[str] = []
    for entry in figure.legend:
        if lines and CHARACTER * len(f"{lines[-1]}    {entry}") < width:
            lines[-1] += f"    {entry}"
        else:
            lines.append(entry)
    return lines


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
    """Return what a page needs of a figure."""
    return {
        "id": figure.key,
        "title": figure.title,
        "finding": figure.finding,
        "caption": figure.caption,
        "legend": list(figure.legend),
        "broad": max(panel.width for panel in figure.panels) > BROAD,
        "panels": inline(figure),
        "svg": address(svg(figure), "image/svg+xml"),
        "csv": address(table(figure), "text/csv"),
        "file": figure.key,
    }
