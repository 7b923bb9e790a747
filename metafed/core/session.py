"""What this Python session defines and no file holds: classes of a notebook's cells, and data in memory.

Settings travel between processes as texts. A class that can be imported is named by its module; any other gets a name
here, ``session:NAME``, under which this process finds it again. An engine hands what an experiment names on to its
workers (by cloudpickle); nobody else has it.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from metafed.core.errors import SettingError
from metafed.core.reading import brief

SESSION = "session"
"""What stands for the module of a class that has none."""
_KNOWN: dict[str, Any] = {}


def importable(thing: Any) -> bool:
    """Say whether another process finds a class or a function by its module and name."""
    module = sys.modules.get(thing.__module__)
    if thing.__module__ == "__main__" or getattr(module, "__file__", None) is None:
        return False
    return getattr(module, thing.__qualname__, None) is thing


def name_of(thing: Any) -> str:
    """Return ``MODULE:NAME`` of a class or a function; ``session:NAME`` where no module holds it.

    Of two different ones that are called alike the second is ``NAME_2``.

    Raises:
        SettingError: It is neither, so that it has no name.
    """
    if not hasattr(thing, "__qualname__"):
        raise SettingError(f"{brief(thing)}: a class, or a function that is written with def or lambda")
    if importable(thing):
        return f"{thing.__module__}:{thing.__qualname__}"
    if known := next((name for name, other in _KNOWN.items() if other is thing), None):
        return known
    own, number = f"{SESSION}:{thing.__qualname__.rpartition('.')[2].strip('<>')}", 1
    name = own
    while name in _KNOWN:
        number += 1
        name = f"{own}_{number}"
    _KNOWN[name] = thing
    return name


def remember(name: str, thing: Any) -> None:
    """Keep what is called ``name``, such as data in memory, for this process to find."""
    _KNOWN[name] = thing


def keep(name: str, thing: Any) -> str:
    """Keep a thing that is no class under ``session:name``, or the next free name, and return that."""
    own, number = f"{SESSION}:{name}", 1
    while own in _KNOWN and _KNOWN[own] != thing:
        number += 1
        own = f"{SESSION}:{name}_{number}"
    _KNOWN[own] = thing
    return own


def found(name: str) -> Any:
    """Return what is called ``name``.

    Raises:
        KeyError: This session has nothing of that name.
    """
    return _KNOWN[name]


def named(texts: Iterable[object]) -> dict[str, Any]:
    """Return all that the texts of an experiment name, for another process to ``take``."""
    whole = "\n".join(map(str, texts))
    return {name: thing for name, thing in _KNOWN.items() if re.search(rf"{re.escape(name)}(?!\w)", whole)}


def take(things: Mapping[str, Any]) -> None:
    """Remember what another process calls so."""
    _KNOWN.update(things)
