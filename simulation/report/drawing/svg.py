"""From matplotlib's SVG to elements for a page: colours become classes, marks say what they are, nothing is fetched."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from simulation.report.drawing.plot import GRID, PAPER, SHEET, Box, Figure, Line, Mark, Points
from simulation.report.words import escape

NAMES: dict[str, str] = {**{colour: role for role, colour in PAPER.items()}, GRID: "line", SHEET: "sheet"}
"""What each colour is; no other occurs in a figure."""
NUMBER = re.compile(r"-?\d+\.\d+")
LINK = "{http://www.w3.org/1999/xlink}href"


def elements(figure: Figure) -> tuple[str, list[str]]:
    """Draw a figure, and return the elements of its legend and those of each panel, without ``<svg>``."""
    # here, since it loads matplotlib, which takes a second
    from simulation.report.drawing.paint import draw

    root = ElementTree.fromstring(draw(figure, "svg"))
    shapes = {node.get("id", ""): node for defs in root.iter() if kind(defs) == "defs" for node in defs}
    parts: dict[str, list[tuple[str, Element]]] = {str(number): [] for number in range(len(figure.panels))}
    for gid, leaf in leaves(root, ""):
        where, slash, own = gid.partition("/")
        if slash:
            parts.setdefault(where, []).append((own, leaf))
    legend = written(parts.pop("legend", []), "", {}, {})
    return legend, [
        written(
            own, f"{figure.key}-{number}", shapes, {str(n): hover_texts(mark) for n, mark in enumerate(panel.marks)}
        )
        for (number, own), panel in zip(parts.items(), figure.panels, strict=True)
    ]


def hover_texts(mark: Mark) -> Sequence[str]:
    """Return what the parts of a mark say to a pointer that rests on them, and to a screen reader."""
    match mark:
        case Points():
            return mark.says
        case Line() | Box():
            return (mark.says,)
    return ()


def written(
    drawn: Iterable[tuple[str, Element]], name: str, shapes: Mapping[str, Element], says: Mapping[str, Sequence[str]]
) -> str:
    """Write what is drawn, in order, without groups; ``shapes`` that it uses get ids that begin with ``name``."""
    parts: list[str] = []
    own: dict[str, str] = {}
    texts_left = {gid: iter(texts) for gid, texts in says.items()}
    for gid, leaf in drawn:
        title = escape(next(texts_left.get(gid, iter(())), ""))
        end = f"><title>{title}</title></{kind(leaf)}>" if title else "/>"
        if kind(leaf) == "text":
            write_words(parts, gid, leaf)
        elif kind(leaf) == "path":
            known = f' class="{gid}"' if gid in ("grid", "base") else look(leaf)
            parts.append(f'<path{known} d="{path(leaf)}"{end}')
        else:
            shape = leaf.get(LINK, "")[1:]
            if shape not in own:
                own[shape] = f"{name}-{len(own)}"
                parts.append(f'<defs><path id="{own[shape]}"{look(leaf)} d="{path(shapes[shape], 2)}"/></defs>')
            parts.append(f'<use href="#{own[shape]}" x="{pixel(leaf.get("x"))}" y="{pixel(leaf.get("y"))}"{end}')
    return "".join(parts)


def leaves(node: Element, gid: str) -> Iterator[tuple[str, Element]]:
    """Yield what is drawn in a group, each with the innermost name around it."""
    for child in node:
        if kind(child) == "g":
            yield from leaves(child, child.get("id", gid))
        elif kind(child) in ("path", "use", "text"):
            yield gid, child


def write_words(parts: list[str], gid: str, leaf: Element) -> None:
    """Write words; those that continue a line stand where it ends in the reader's font."""
    text, style = escape(leaf.text or ""), styles(leaf)
    if gid.startswith("+") and parts and parts[-1].endswith("</text>"):
        line = parts.pop().removesuffix("</text>")
        parts.append(f'{line}<tspan class="{gid[1:]}" dx="8">{text}</tspan></text>')
        return
    anchor = style.get("text-anchor", "start")
    more = f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += ' font-weight="600"' if "font-weight" in style else ""
    x, y = pixel(leaf.get("x")), pixel(leaf.get("y"))
    parts.append(f'<text class="{gid.strip("+")}" x="{x}" y="{y}"{more}>{text}</text>')


def look(leaf: Element) -> str:
    """Return the attributes that say how a mark looks: classes for its colours, and what is not usual."""
    style = styles(leaf)
    classes = [f"{what[0]}-{NAMES[style[what]]}" for what in ("fill", "stroke") if style.get(what, "none") != "none"]
    more = {name: style.get(name, "").replace(",", " ") for name in ("stroke-width", "stroke-dasharray")}
    faint = [value for name, value in style.items() if name.endswith("opacity")]  # a mark has one, for all of it
    more["opacity"] = faint[0] if faint else ""
    return f' class="{" ".join(classes)}"' + "".join(f' {name}="{value}"' for name, value in more.items() if value)


def styles(leaf: Element) -> dict[str, str]:
    """Return an element's style by property."""
    return dict(part.strip().split(": ", 1) for part in leaf.get("style", "").split(";") if ": " in part)


def path(leaf: Element, places: int = 1) -> str:
    """Return a path's commands with rounded numbers."""
    text = NUMBER.sub(lambda number: pixel(number[0], places), leaf.get("d", ""))
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", text).strip()


def pixel(value: str | None, places: int = 1) -> str:
    """Round a length, in pixels."""
    return f"{round(float(value or 0), places) + 0.0:g}"  # + 0.0: no minus before zero


def kind(leaf: Element) -> str:
    """Return an element's name without its name space."""
    return leaf.tag.rpartition("}")[2]
