"""``python -m simulation.data``: what data sets there are, how they are got, whether they are sound, who is in them."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import tyro

from simulation.cli.errors import BadInput
from simulation.cli.late import late
from simulation.data.check import Check
from simulation.data.describe import Describe
from simulation.data.fetch import Fetch
from simulation.data.list import List
from simulation.data.prepare import Prepare

if TYPE_CHECKING:
    from metafed.data.sets.catalogue import Entry

DONE, BAD_INPUT, INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None, catalogue: "Mapping[str, Entry] | None" = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The words after the program's name. Default: those of the command line.
        catalogue: The data sets. Default: ours.
    """
    asked: List | Fetch | Prepare | Check | Describe = tyro.extras.subcommand_cli_from_dict(
        {"list": List, "fetch": Fetch, "prepare": Prepare, "check": Check, "describe": Describe},
        args=argv,
        prog="python -m simulation.data",
        description="List data sets, get them, check them, and show who is in them.",
    )
    late("torch")  # nothing here computes with it, and importing it takes seconds
    from metafed.data.sets.catalogue import CATALOGUE

    try:
        asked.run(CATALOGUE if catalogue is None else catalogue)
    except BadInput as error:
        print(f"metafed: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("metafed: interrupted; nothing is half-written, and a download goes on where it was", file=sys.stderr)
        return INTERRUPTED
    return DONE
