"""How a command starts: imported before all else of ours, so that ``--help`` and bad input are answered at once.

Heavy packages are put off until they are used, nothing calls home, and a signal ends the imports in one message.
"""

import os
import sys

from simulation.cli.interrupts import leave_at_once
from simulation.cli.late import late

HEAVY = ("torch", "polars", "scipy", "sklearn", "matplotlib", "jinja2", "pooch", "requests", "urllib3")
"""Packages that only a part of what a command can do needs. Not ``flwr`` and ``ray``: names are imported from them,
which loads them at once; our modules that do so are imported where they are first used."""

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
_main = getattr(sys.modules["__main__"], "__spec__", None)
if _main is not None and _main.name.startswith("simulation."):  # python -m, and no notebook or test
    leave_at_once()
for name in HEAVY:
    late(name)
