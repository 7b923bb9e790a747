"""Exit codes, how a command says why it ends with one, and how it is called."""

import sys
from pathlib import Path

from simulation.cli.streams import say

DONE, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def complain(message: object, code: int) -> int:
    """Print one message on standard error, and return ``code``."""
    say(f"metafed: {message}")
    return code


def called(command: str) -> str:
    """Return how a command is called, the way in which this process was."""
    return f"metafed {command}" if Path(sys.argv[0]).name == "metafed" else f"python -m simulation.{command}"
