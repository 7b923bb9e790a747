"""``metafed COMMAND``: every command by one name, which does not look into the current folder for our packages."""

import importlib
import sys
from collections.abc import Sequence

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from metafed.core.names import known
from simulation.cli.exits import BAD_INPUT, DONE, complain
from simulation.cli.interrupts import leave_at_once
from simulation.cli.streams import forgiving

COMMANDS = {
    "run": ("simulation.run", "simulate federated meta-learning and keep a record of every client"),
    "report": ("simulation.report.command", "write the report of a run or of several"),
    "compare": ("simulation.compare", "methods side by side, and which differences hold"),
    "sweep": ("simulation.sweep", "runs of many settings"),
    "data": ("simulation.data.command", "list data sets, get them, check them, and show who is in them"),
    "deploy": ("simulation.deploy", "the same experiment, computed by separate processes"),
    "verify": ("simulation.verify", "run a record's experiment again and compare every bit"),
    "export": ("simulation.export", "tables of runs for other programs"),
}
"""Name: module, and what it does."""
USAGE = "\n".join(
    [
        "usage: metafed COMMAND …",
        "",
        *(f"  {name:<9}{about}" for name, (_, about) in COMMANDS.items()),
        "",
        "metafed COMMAND --help says more. metafed run is the same as python -m simulation.run, and so are the others.",
    ]
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    forgiving()
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return DONE
    if not words:
        return complain(f"name a command: {', '.join(COMMANDS)}", BAD_INPUT)
    try:
        module, _ = known("command", words[0], COMMANDS)
    except ValueError as error:
        return complain(error, BAD_INPUT)
    found: int = importlib.import_module(module).main(words[1:])
    return found


def script() -> int:
    """Run the command line of this process: the console command ``metafed``."""
    leave_at_once()
    return main()


if __name__ == "__main__":
    sys.exit(main())
