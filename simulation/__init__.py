"""The command line, the engines and the reports."""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import final

HOME = Path(__file__).parent.parent
"""Where our four rooms lie side by side."""
ROOMS = ("metafed", "client", "server")


@final
class OurRooms:
    """Finds our rooms beside this one, whatever else lies on ``sys.path`` under their names.

    ``python -m`` looks into the current folder first, and Ray's workers do so too; a folder of a Flower project has a
    ``client.py`` and a ``server.py``.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where a room is; None for any other module."""
        return PathFinder.find_spec(name, [str(HOME)]) if name in ROOMS else None


for _room in ROOMS:
    _file = getattr(sys.modules.get(_room), "__file__", None)
    if _room in sys.modules and (_file is None or not os.path.samefile(Path(_file).parent, HOME / _room)):
        raise ImportError(
            f"{_file or _room} is imported as {_room!r}, which is the name of a package of metafed, in {HOME}:"
            f" rename it, or import simulation before it"
        )
if OurRooms not in sys.meta_path:
    sys.meta_path.insert(0, OurRooms)
if sys.argv[:1] == ["-m"]:  # as long as python -m looks for the module: before a command imports anything
    from simulation.cli.interrupts import leave_at_once

    leave_at_once()
