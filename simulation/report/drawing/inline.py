"""From matplotlib to SVG inside a page: colours follow the page, ids stay unique, nothing is fetched."""

import io
import re
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

INK, MUTED = "#1c1c1a", "#6e6d68"
BEFORE, AFTER, CONTEXT = "#b96a00", "#0072b2", "#82817b"

VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    BEFORE: "before",
    AFTER: "after",
    CONTEXT: "context",
}
"""Colours that a page may redefine, as CSS variables; no other colour occurs in a figure."""


def style() -> "AbstractContextManager[None]":
    """Return the style of figures by matplotlib, for use in ``with``."""
    return mpl.rc_context(
        {
            "font.size": 8.5,
            "text.parse_math": False,  # a name with two dollars is a name
            "text.color": INK,
            "axes.edgecolor": MUTED,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.facecolor": "none",
            "axes.linewidth": 0.7,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.facecolor": "none",
            "xtick.color": MUTED,
            "ytick.color": MUTED,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "lines.solid_capstyle": "round",
        }
    )


def inline(figure: Figure, name: str, says: str) -> Markup:
    """Return a figure as an ``<svg>`` element for a page.

    Args:
        figure: The figure.
        name: Unique in the page; letters and dashes.
        says: What the figure shows, for readers who hear the page.
    """
    text = render(figure, name, fonttype="none")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # in HTML the parser knows SVG: no name spaces, hence no address anywhere in the page
    text = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--font)", text)
    width = f"{72 * figure.get_figwidth() * 4 / 3:.0f}px"
    label = f'<svg role="img" aria-label="{escape(says)}" style="max-width: {width}"'
    text = re.sub(r'<svg height="[^"]*"|<svg', lambda _: label, text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return Markup(text)


def render(figure: Figure, name: str, fonttype: str) -> str:
    """Return a figure as an SVG file's text, the same for the same figure."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": fonttype, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def write(figure: Figure, path: Path) -> None:
    """Write a figure to a file of its own, on white, as the suffix says: ``.svg``, ``.png`` or ``.pdf``."""
    if path.suffix == ".svg":
        figure.set_facecolor("white")
        path.write_text(render(figure, path.stem, fonttype="path"), encoding="utf-8")
    else:
        figure.savefig(path, dpi=200, facecolor="white")
