"""``python -m simulation.run``: simulate federated meta-learning and keep a record of every client."""

import sys
from collections.abc import Sequence

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.config import Config
from simulation.cli.errors import BadInput, RunDiverged, RunFailed
from simulation.cli.exits import BAD_INPUT, DIVERGED, DONE, FAILED, INTERRUPTED, complain
from simulation.cli.flags import parse
from simulation.cli.interrupts import listen
from simulation.cli.streams import forgiving
from simulation.records.studies import resumed
from simulation.runs.settings import default_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    forgiving()
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        config = (resumed(arguments) if "--resume" in " ".join(arguments) else None) or parse(arguments)
    except BadInput as error:
        return complain(error, BAD_INPUT)
    listen()
    if config.resume is None and config.seeds is None and config.references is None:
        config = config.model_copy(update={"out": config.out or default_folder(config)})
    try:
        carry_out(config)
    except BadInput as error:
        return complain(error, BAD_INPUT)
    except KeyboardInterrupt as stop:
        return complain(str(stop) or resumable(config), INTERRUPTED)
    except RunFailed as error:
        return complain(error, DIVERGED if isinstance(error, RunDiverged) else FAILED)
    return DONE


def carry_out(config: Config) -> None:
    """Run, and show what was found.

    Raises:
        BadInput, RunFailed, KeyboardInterrupt: As ``simulate`` and ``run_study``.
    """
    # here, since --help and bad input need none of it: what shows, runs and reports takes a sixth of their time
    from rich.console import Console

    from simulation.analysis.tables import show_study
    from simulation.cli.closing import show
    from simulation.cli.console import Screen
    from simulation.report.pages import write_report
    from simulation.runs.simulate import simulate
    from simulation.runs.study import run_study

    console = Console()
    if config.seeds is not None or config.references is not None:
        again = config.resume is not None
        folder = config.resume or config.out or default_folder(config)
        run_study(config, console, folder, again, report=write_report)
        if not config.quiet:
            show_study(folder, console)
        return
    folder = simulate(config, Screen(config, console), report=write_report)
    if not config.quiet:
        show(folder, config, console)


def resumable(config: Config) -> str:
    """Say what an interrupted run left, and how it goes on."""
    folder = config.resume or config.out
    command = f"; go on with: python -m simulation.run --resume {folder}" if folder else ""
    return f"interrupted; θ and all finished rounds are in the record{command}"


if __name__ == "__main__":
    sys.exit(main())
