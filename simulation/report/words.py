"""How numbers and names are written in figures and lists."""

import re
from collections.abc import Mapping
from typing import Any

import markupsafe
import numpy as np

from metafed.core.digits import digits
from metafed.fairness.intervals import Estimate, enclosed
from metafed.fairness.panel import Panel
from metafed.scores import called

CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML may not contain, so that a file with a strange name in it still opens."""


def escape(text: str) -> markupsafe.Markup:
    """Return a text of a client's as text in SVG or HTML, never markup."""
    return markupsafe.escape(CONTROL.sub("�", text))


def short(value: float | None, sign: str = "") -> str:
    """Format a score to two decimals."""
    return "–" if value is None else digits(value, 2, sign, 1000).replace("-", "−")


def signs(text: str) -> str:
    """Set minus signs before numbers."""
    return re.sub(r"(?<![\w-])-(?=[\d.])", "−", text)


def between(estimate: Estimate, sign: str = "") -> str:
    """Format an estimate with its interval."""
    if estimate.low is None or estimate.high is None:
        return short(estimate.value, sign)
    ends = enclosed(estimate.method, short(estimate.low, sign), short(estimate.high, sign))
    return f"{short(estimate.value, sign)} {ends}"


def count(number: int, thing: str) -> str:
    """Return ``1 client`` or ``3 clients``."""
    return f"{number:,} {thing}{'s' * (number != 1)}".replace(",", " ")


def listed(names: list[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def families(people: Panel) -> list[str]:
    """Return the names of the families that have clients, in order."""
    return [str(name) for name in np.unique(people.family.astype(str))]


def measure(kinds: Mapping[str, str], name: str) -> str:
    """Say what a family's score is."""
    return called(kinds[name]) if name in kinds else ""


def group_name(name: Any) -> str:
    """Return a group's name, or that it has none."""
    return str(name) or "(no group)"
