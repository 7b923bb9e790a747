"""A panel as SVG: text stays text, colours are classes, and a pointer that rests on a mark is told what it is."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from simulation.report.drawing.plot import Axis, Band, Box, Figure, Line, Mark, Panel, Points, Text
from simulation.report.drawing.scale import place
from simulation.report.words import escape

TOP, BOTTOM, RIGHT = 29.0, 37.0, 18.0
LINE_OF_WORDS = 18.0
CHARACTER = 7.0
"""Pixels of a letter of 12 px, on the wide side."""
BROAD, TICK = 300.0, 7.6
"""Width above which a phone shows the names of rows larger, and pixels of their letters then."""


class Frame(NamedTuple):
    """Where a panel's plot lies within it, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def x(self, value: float, axis: Axis) -> float:
        """Return the pixel of a value on the horizontal axis."""
        return place(value, axis, self.left, self.right)

    def y(self, value: float, axis: Axis) -> float:
        """Return the pixel of a value on the vertical axis."""
        return place(value, axis, self.bottom, self.top)


def lines_of_words(panel: Panel) -> list[list[tuple[str, str]]]:
    """Break a panel's words into lines that fit."""
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0.0
    for text, role in panel.words:
        needs = CHARACTER * len(text) + 10
        if lines[-1] and used + needs > panel.width:
            lines.append([])
            used = 0.0
        lines[-1].append((text, role))
        used += needs
    return lines if panel.words else []


def frame(panel: Panel, words: int) -> Frame:
    """Return where the plot lies below ``words`` lines of words."""
    ticks = max((len(label) for _, label in panel.y.ticks), default=0)
    top = TOP + LINE_OF_WORDS * words + (21 if panel.y.title else 4)
    letter = TICK if panel.width > BROAD else CHARACTER
    return Frame(letter * ticks + 6, top, panel.width - RIGHT, top + panel.height)


def word_lines(figure: Figure) -> int:
    """Return the lines of words that all panels of a figure leave room for, so that their plots align."""
    return max(len(lines_of_words(panel)) for panel in figure.panels)


def height(panel: Panel, words: int) -> float:
    """Return a panel's height, with ``words`` lines of words."""
    return frame(panel, words).bottom + (BOTTOM if panel.x.title else BOTTOM / 2)


def body(panel: Panel, words: int) -> str:
    """Return a panel's elements, without the ``<svg>`` around them."""
    place = frame(panel, words)
    parts = [f'<text class="name" y="13">{escape(panel.name)}']
    if panel.measure:
        parts.append(f'<tspan class="measure" dx="6">{escape(panel.measure)}</tspan>')
    parts.append("</text>")
    for number, line in enumerate(lines_of_words(panel)):
        spans = "".join(
            f'<tspan class="t-{role}" dx="{10 * (index > 0)}">{escape(text)}</tspan>'
            for index, (text, role) in enumerate(line)
        )
        parts.append(f'<text class="words" y="{px(TOP + 5 + LINE_OF_WORDS * number)}">{spans}</text>')
    parts += axes(panel, place)
    parts += [mark(one, panel, place) for one in panel.marks]
    return "".join(parts)


def axes(panel: Panel, place: Frame) -> Iterable[str]:
    """Yield the ticks, the grid and the names of both axes."""
    if panel.y.title:
        yield f'<text class="axis" y="{px(place.top - 13)}">{escape(panel.y.title)}</text>'
    for value, label in panel.y.ticks:
        y = place.y(value, panel.y)
        if panel.y.grid:
            yield f'<path class="grid" d="M{px(place.left)} {px(y)}H{px(place.right)}"/>'
        yield f'<text class="tick" x="{px(place.left - 6)}" y="{px(y + 3.7)}" text-anchor="end">{escape(label)}</text>'
    if panel.x.ticks and not any(isinstance(one, Box) for one in panel.marks):
        yield f'<path class="base" d="M{px(place.left)} {px(place.bottom)}H{px(place.right)}"/>'
    for value, label in panel.x.ticks:
        x = place.x(value, panel.x)
        yield f'<text class="tick" x="{px(x)}" y="{px(place.bottom + 14)}" text-anchor="middle">{escape(label)}</text>'
    if panel.x.title:
        middle = (place.left + place.right) / 2
        yield (
            f'<text class="axis" x="{px(middle)}" y="{px(place.bottom + 30)}" text-anchor="middle">'
            f"{escape(panel.x.title)}</text>"
        )


def mark(one: Mark, panel: Panel, place: Frame) -> str:
    """Return one mark's elements."""
    match one:
        case Line():
            dash = f' stroke-dasharray="{one.dash}"' if one.dash else ""
            path = trace(one.x, one.y, panel, place)
            return (
                f'<path class="s-{one.role}" d="{path}" stroke-width="{px(one.width)}"{faint(one.opacity)}{dash}'
                f"{around('path', one.says)}"
            )
        case Band():
            there, back = trace(one.x, one.high, panel, place), trace(one.x[::-1], one.low[::-1], panel, place)
            return f'<path class="f-{one.role}" opacity="{one.opacity}" d="{there}L{back[1:]}Z"/>'
        case Points():
            return points(one, panel, place)
        case Box():
            return box(one, panel, place)
        case Text():
            x, y = place.x(one.x, panel.x) + one.dx, place.y(one.y, panel.y) + one.dy
            bold = ' font-weight="600"' if one.bold else ""
            return (
                f'<text class="label t-{one.role}" x="{px(x)}" y="{px(y)}" text-anchor="{one.anchor}"{bold}>'
                f"{escape(one.text)}</text>"
            )


def points(one: Points, panel: Panel, place: Frame) -> str:
    """Return dots, rings or crosses, each with its words."""
    parts = []
    for index, (x, y) in enumerate(zip(one.x, one.y, strict=True)):
        left, top, r = place.x(x, panel.x), place.y(y, panel.y), one.radius
        end = around("path" if one.shape == "cross" else "circle", one.says[index] if one.says else "")
        if one.shape == "cross":
            d = f"M{px(left - r)} {px(top - r)}l{px(2 * r)} {px(2 * r)}m0 {px(-2 * r)}l{px(-2 * r)} {px(2 * r)}"
            parts.append(f'<path class="s-{one.role}" stroke-width="1.8" d="{d}"{end}')
        else:
            kind = f'class="r-{one.role}" stroke-width="1.8"' if one.shape == "ring" else f'class="f-{one.role}"'
            parts.append(f'<circle {kind} cx="{px(left)}" cy="{px(top)}" r="{px(r)}"{end}')
    return f"<g{faint(one.opacity)}>{''.join(parts)}</g>" if parts else ""


def box(one: Box, panel: Panel, place: Frame) -> str:
    """Return a heat map's cell."""
    left, right = (place.x(x, panel.x) for x in one.x)
    bottom, top = (place.y(y, panel.y) for y in one.y)
    middle, height = (left + right) / 2, (top + bottom) / 2 + 4 - 6 * len(one.under)
    weight = "700" if one.bold else "400"
    under = "".join(
        f'<text class="under" x="{px(middle)}" y="{px(height + 13 * line)}" text-anchor="middle">{escape(text)}</text>'
        for line, text in enumerate(one.under, start=1)
    )
    return (
        f'<g><rect class="f-{one.role}" opacity="{one.opacity:.2f}" x="{px(left + 1)}" y="{px(top + 1)}" rx="3"'
        f' width="{px(right - left - 2)}" height="{px(bottom - top - 2)}"{around("rect", one.says)}'
        f'<text class="cell" font-weight="{weight}" x="{px(middle)}" y="{px(height)}" text-anchor="middle">'
        f"{escape(one.text)}</text>{under}</g>"
    )


def trace(x: Sequence[float], y: Sequence[float], panel: Panel, place: Frame) -> str:
    """Return a path through points."""
    return "M" + "L".join(f"{px(place.x(a, panel.x))} {px(place.y(b, panel.y))}" for a, b in zip(x, y, strict=True))


def around(tag: str, says: str) -> str:
    """Close an element, with what it says to a pointer."""
    return f"><title>{escape(says)}</title></{tag}>" if says else "/>"


def faint(opacity: float) -> str:
    """Return an attribute for what is not opaque."""
    return "" if opacity == 1 else f' opacity="{opacity}"'


def px(value: float) -> str:
    """Format a pixel."""
    return f"{value:.1f}".removesuffix(".0").replace("-0.0", "0")
