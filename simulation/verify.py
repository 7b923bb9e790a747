"""``python -m simulation.verify RUN``: run a record's experiment again, and say whether every bit agrees."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.asking import ask
from simulation.cli.door import door
from simulation.cli.errors import RunFailed
from simulation.runs.verify import verify

AGREES, DIFFERS = 0, 1


@dataclass(frozen=True)
class Options:
    """Run the experiment of a record again, and say whether θ, every round and every client agree bit by bit."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of the record."""
    engine: Literal["ray", "local"] | None = None
    """Default: the record's."""
    workers: int | None = None
    """Ray workers. Default: the record's."""


@door
def main(words: Sequence[str]) -> int:
    """Run the command line: 0 if every bit agrees, 1 if not, 2 if it could not be tried."""
    options = ask(lambda prog: tyro.cli(Options, args=words, prog=prog), "verify", words)
    try:
        found = verify(options.run, options.engine, options.workers)
    except RunFailed as error:
        print(f"{options.run}: the run ended early this time: {error}")
        return DIFFERS
    print(f"{options.run}: {'every bit agrees' if found is None else f'differs first at {found}'}")
    return AGREES if found is None else DIFFERS


if __name__ == "__main__":
    sys.exit(main())
