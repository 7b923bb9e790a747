"""How a command starts: imported before all else of ours, so that ``--help`` and bad input are answered at once.

Heavy packages are put off until they are used, and nothing calls home.
"""

import os

from simulation.cli.late import late

HEAVY = ("torch", "polars", "scipy", "sklearn", "matplotlib", "jinja2", "pooch", "requests", "urllib3")
"""Packages that only a part of what a command can do needs. Not ``flwr`` and ``ray``: names are imported from them,
which loads them at once; our modules that do so are imported where they are first used."""

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
for name in HEAVY:
    late(name)
