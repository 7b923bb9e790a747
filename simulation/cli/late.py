"""Heavy packages imported when they are first used, so that ``--help`` and bad input are answered at once."""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, final

_GIVING_WAY = threading.Lock()


@final
class Late(ModuleType):
    """Stands in for a package until an attribute of it is asked for, and is that package from then on.

    (``importlib.util.LazyLoader`` loads at the second ``import`` statement already, used or not.)
    """

    def __getattr__(self, attribute: str) -> Any:
        with _GIVING_WAY:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        # where another thread is importing it already this waits for it
        real = importlib.import_module(self.__name__)
        self.__dict__.update(real.__dict__)
        return getattr(real, attribute)


@contextmanager
def unused(name: str) -> Iterator[None]:
    """Keep a package that nobody used yet out of sight of code that asks what is imported, as tyro does."""
    module = sys.modules.get(name)
    waiting = isinstance(module, Late)
    if waiting:
        del sys.modules[name]
    try:
        yield
    finally:
        if waiting and module is not None:
            sys.modules.setdefault(name, module)


def late(name: str) -> None:
    """Let ``import name`` cost nothing until the package is used; no change where it is imported already."""
    if name not in sys.modules and (spec := importlib.util.find_spec(name)) is not None:
        module = Late(name)
        module.__spec__ = spec
        # ``inspect`` asks every module for its file, which is not a use of it
        module.__file__ = spec.origin
        sys.modules[name] = module
