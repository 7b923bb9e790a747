"""Looking things up by name, with a suggestion where a name is nearly right."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def near(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the suggestion of a near miss, empty if nothing is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {found[0]!r}?" if found else ""


def known(what: str, name: str, table: Mapping[str, T]) -> T:
    """Look ``name`` up in ``table``.

    Raises:
        ValueError: There is none; the message lists what there is and suggests a near miss.
    """
    if name in table:
        return table[name]
    raise ValueError(f"unknown {what} {name!r}{near(name, table)} (known: {', '.join(table)})")
