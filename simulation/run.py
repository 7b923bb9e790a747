"""``python -m simulation.run``: simulate federated meta-learning and keep a record of every client."""

import sys
from collections.abc import Sequence

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.config import Config
from simulation.cli.door import door
from simulation.cli.exits import DONE
from simulation.cli.flags import parse
from simulation.cli.interrupts import NOTHING_LEFT, whole_imports
from simulation.records.studies import resumed
from simulation.runs.settings import default_folder, first_free


@door
def main(words: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    try:
        carry_out((resumed(words) if "--resume" in " ".join(words) else None) or parse(words))
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(str(stop) or NOTHING_LEFT) from None
    return DONE


def carry_out(config: Config) -> None:
    """Run, and show what was found.

    Raises:
        BadInput, RunFailed, KeyboardInterrupt: As ``simulate`` and ``run_study``.
    """
    # here, since --help and bad input need none of it: what shows, runs and reports takes a sixth of their time
    with whole_imports():
        from rich.console import Console

        from simulation.analysis.tables import show_study
        from simulation.api import carrying_out
        from simulation.cli.closing import show
        from simulation.report.pages import write_report
        from simulation.runs.study import run_study

    console = Console(markup=False)
    if config.several:
        again = config.resume is not None
        folder = first_free(
            config.resume or config.out,
            default_folder(config),
            lambda folder: run_study(config, console, folder, again, report=write_report),
        )
        if not config.quiet:
            show_study(folder, console)
        return
    folder = carrying_out.carry_out(config, console=console)
    if not config.quiet:
        show(folder, config, console)


if __name__ == "__main__":
    sys.exit(main())
