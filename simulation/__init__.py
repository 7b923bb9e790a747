"""The command line, the engines and the reports; ``from simulation import simulate, compare, load``.

``compare`` and ``sweep`` are modules, too, for ``python -m simulation.compare``. As attributes of this package they
are always the functions; ``-m`` and ``from simulation.compare import main`` find the modules in ``sys.modules``.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from simulation.api.comparing import Comparison as Comparison
    from simulation.api.comparing import compare as compare
    from simulation.api.run import Run as Run
    from simulation.api.simulating import load as load
    from simulation.api.simulating import simulate as simulate
    from simulation.api.sweeping import Sweep as Sweep
    from simulation.api.sweeping import sweep as sweep
    from simulation.cli.errors import BadInput as BadInput
    from simulation.cli.errors import RunDiverged as RunDiverged
    from simulation.cli.errors import RunFailed as RunFailed
    from simulation.cli.errors import StopRun as StopRun
    from simulation.data.looking import check as check
    from simulation.data.looking import describe as describe

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
PUBLIC = {
    "simulate": "simulation.api.simulating",
    "load": "simulation.api.simulating",
    "compare": "simulation.api.comparing",
    "Comparison": "simulation.api.comparing",
    "Run": "simulation.api.run",
    "sweep": "simulation.api.sweeping",
    "Sweep": "simulation.api.sweeping",
    **dict.fromkeys(("check", "describe"), "simulation.data.looking"),
    **dict.fromkeys(("BadInput", "RunDiverged", "RunFailed", "StopRun"), "simulation.cli.errors"),
}
"""Public name → the module that defines it, which is imported when the name is first used."""
__all__ = [*PUBLIC]


class _Public:
    """A public name as an attribute of the package, which a module of that name, once imported, does not replace."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, package: ModuleType, kind: type | None = None) -> Any:
        return getattr(importlib.import_module(PUBLIC[self._name]), self._name)

    def __set__(self, package: ModuleType, module: object) -> None:
        """Python sets a module that it has imported as an attribute of its package; ``sys.modules`` has it as well."""


sys.modules[__name__].__class__ = type("Package", (ModuleType,), {name: _Public(name) for name in PUBLIC})

if OurRooms not in sys.meta_path:
    sys.meta_path.insert(0, OurRooms)
if sys.argv[:1] == ["-m"]:  # as long as python -m looks for the module: before a command imports anything
    from simulation.cli.interrupts import leave_at_once

    leave_at_once()
