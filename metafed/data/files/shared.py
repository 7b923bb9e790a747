"""What follows from a data set's file alone is read once a process, however many runs of other seeds need it."""

import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cachetools import LRUCache

KEPT = 8
"""Contents that are kept, the last ones used."""

_CONTENTS: LRUCache[tuple[object, ...], Any] = LRUCache(KEPT)
_ONE_AT_A_TIME = threading.RLock()


class HasPath(Protocol):
    """A source with one file."""

    @property
    def path(self) -> Path:
        """The file's path."""


S = TypeVar("S", bound=HasPath)
T = TypeVar("T")


def by_file(read: Callable[[S], T]) -> Callable[[S], T]:
    """Share what ``read`` returns among all sources of a class whose file is the same, unchanged since.

    What it returns must not depend on the seed, nor be changed by anybody.
    """

    @wraps(read)
    def shared(source: S) -> T:
        path = source.path
        try:
            state = path.stat()
        except OSError:
            return read(source)  # which says what is the matter
        key = (type(source), read.__name__, path.resolve(), state.st_mtime_ns, state.st_size, state.st_ino)
        with _ONE_AT_A_TIME:
            if key not in _CONTENTS:
                _CONTENTS[key] = read(source)
            found: T = _CONTENTS[key]
        return found

    return shared
