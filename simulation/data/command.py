"""``python -m simulation.data``: what data sets there are, how they are got, whether they are sound, who is in them."""

from collections.abc import Mapping, Sequence

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from metafed.data.sets.catalogue import CATALOGUE, Entry
from simulation.cli.asking import ask
from simulation.cli.door import door
from simulation.cli.exits import DONE, FAILED
from simulation.cli.streams import output_lost
from simulation.data.check import Check
from simulation.data.describe import Describe
from simulation.data.fetch import Fetch
from simulation.data.list import List
from simulation.data.prepare import Prepare


def main(argv: Sequence[str] | None = None, catalogue: Mapping[str, Entry] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The words after the program's name. Default: those of the command line.
        catalogue: The data sets. Default: ours.
    """
    return door(lambda words: carry_out(words, CATALOGUE if catalogue is None else catalogue))(argv)


def carry_out(words: Sequence[str], catalogue: Mapping[str, Entry]) -> int:
    """Do what is asked for."""
    asked: List | Fetch | Prepare | Check | Describe = ask(
        lambda prog: tyro.extras.subcommand_cli_from_dict(
            {"list": List, "fetch": Fetch, "prepare": Prepare, "check": Check, "describe": Describe},
            args=words,
            prog=prog,
            description="List data sets, get them, check them, and show who is in them.",
        ),
        "data",
        words,
    )
    try:
        asked.run(catalogue)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; nothing is half-written, and a download goes on where it was") from None
    return FAILED if output_lost() else DONE
