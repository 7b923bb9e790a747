"""What a sweep runs: flags with several values, and every combination of them."""

import hashlib
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.flags import parse

LISTS = ("--tasks", "--mix", "--references", "--data-dir", "--out", "--config", "--ray-address")
"""Flags whose values may hold commas of their own: they are never axes."""
LONGEST_NAME = 200
"""Bytes of a cell's name."""
RANGE = re.compile(r"([^,]+?)\.\.([^,]+?)(:log)?")
"""``LOW..HIGH`` or ``LOW..HIGH:log``, for --trials."""


class Axis(NamedTuple):
    """A flag with the values to try: ``values`` as they are written, or a range ``low`` … ``high``."""

    flag: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False


class Cell(NamedTuple):
    """One combination: its name, which is its folder, what was chosen, and the configuration."""

    name: str
    chosen: Mapping[str, str]
    config: Config


def axes_of(words: Sequence[str], ranges: bool) -> tuple[list[str], list[Axis]]:
    """Take the flags with several values out of a command line of ``simulation.run``.

    Args:
        words: The command line.
        ranges: Whether LOW..HIGH may be written.

    Raises:
        BadInput: A range is written where none may be, or is none; a flag is given twice.
    """
    rest: list[str] = []
    found: dict[str, Axis] = {}
    index = 0
    while index < len(words):
        flag, equals, value = words[index].partition("=")
        takes = not equals and index + 1 < len(words) and not words[index + 1].startswith("--")
        text = value if equals else words[index + 1] if takes else ""
        written = words[index : index + 1 + takes]
        index += len(written)
        if not flag.startswith("--") or flag in LISTS:
            rest += written
            continue
        span = RANGE.fullmatch(text)
        if span is not None and not ranges:
            raise BadInput(f"{flag} {text}: a range needs --trials N; a grid takes values, {flag} VALUE,VALUE,…")
        if span is None and "," not in text:
            rest += written
            continue
        if flag in found:
            raise BadInput(f"{flag} is given twice")
        found[flag] = spanned(flag, text, span) if span else Axis(flag, tuple(text.split(",")))
        if "" in found[flag].values:
            raise BadInput(f"{flag} {text}: a value is empty; write {flag} VALUE,VALUE,…")
        if not span and len(set(found[flag].values)) < len(found[flag].values):
            raise BadInput(f"{flag} {text}: a value is written twice")
    return rest, list(found.values())


def spanned(flag: str, text: str, span: re.Match[str]) -> Axis:
    """Return the axis of a range.

    Raises:
        BadInput: Its ends are no numbers, or not in order, or not above 0 on a logarithmic scale.
    """
    try:
        low, high = float(span[1]), float(span[2])
    except ValueError:
        raise BadInput(f"{flag} {text}: a range is written LOW..HIGH, by numbers") from None
    log = span[3] is not None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadInput(f"{flag} {text}: LOW and HIGH must be finite numbers")
    if not (low < high and (low > 0 or not log)):
        raise BadInput(f"{flag} {text}: LOW must be below HIGH{', and above 0 for :log' if log else ''}")
    whole = all(part.lstrip("-").isdigit() for part in (span[1], span[2]))
    return Axis(flag, (), low, high, log, whole)


def number(axis: Axis, value: float) -> str:
    """Write a number of an axis as its flag takes it."""
    return str(round(value)) if axis.whole else repr(value)


def grid(rest: Sequence[str], axes: Sequence[Axis]) -> list[Cell]:
    """Return every combination of the axes' values, the last axis the fastest.

    Raises:
        BadInput: One of them is not allowed, or two would have one folder; nothing has run yet.
    """
    cells = [
        cell(rest, {axis.flag: value for axis, value in zip(axes, values, strict=True)})
        for values in itertools.product(*(axis.values for axis in axes))
    ]
    found: dict[str, Cell] = {}
    for each in cells:
        if other := found.get(each.name):
            raise BadInput(f"{written(other.chosen)} and {written(each.chosen)} would have one folder, {each.name}")
        found[each.name] = each
    return cells


def cell(rest: Sequence[str], chosen: Mapping[str, str]) -> Cell:
    """Return the cell of the ``chosen`` values by flag.

    Raises:
        BadInput: A value is not allowed.
    """
    words = [*rest, *(word for flag, value in chosen.items() for word in (flag, value))]
    try:
        config = parse(words)
    except BadInput as error:
        raise BadInput(f"{error} (in the cell {written(chosen)})" if chosen else str(error)) from None
    return Cell(name_of_cell(chosen), chosen, config)


def name_of_cell(chosen: Mapping[str, str]) -> str:
    """Return a cell's name, which can be a folder's."""
    whole = "_".join(f"{flag.lstrip('-')}={value}" for flag, value in chosen.items()) or "all"
    name = re.sub(r"[^\w.=+-]", "~", whole)
    if len(name.encode()) > LONGEST_NAME:  # no file system takes more than 255 bytes
        name = f"{name[: LONGEST_NAME // 4]}~{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
    return name


def written(chosen: Mapping[str, str]) -> str:
    """Write what was chosen as on a command line."""
    return " ".join(f"{flag} {value}" for flag, value in chosen.items())
