"""One run with its screen and report: what ``simulation.run`` and ``simulate`` both call."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from simulation.cli.config import Config
from simulation.cli.console import Screen
from simulation.report.pages import write_report
from simulation.runs.simulate import Callback, simulate


def carry_out(config: Config, callbacks: Sequence[Callback] = (), console: Console | None = None) -> Path:
    """Run what ``config`` says, show it unless it is quiet, write its report, and return the folder of its record.

    Raises:
        BadInput, RunFailed, KeyboardInterrupt: As ``simulate``.
    """
    return simulate(config, Screen(config, console or Console(markup=False)), report=write_report, callbacks=callbacks)
