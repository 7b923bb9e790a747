"""``python -m simulation.data``: what data sets there are, how they are got, whether they are sound, who is in them."""

from collections.abc import Mapping, Sequence

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from metafed.data.sets.catalogue import CATALOGUE, Entry
from simulation.cli.errors import BadInput
from simulation.cli.exits import BAD_INPUT, DONE, FAILED, INTERRUPTED, complain
from simulation.cli.streams import forgiving, output_lost
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
    forgiving()
    asked: List | Fetch | Prepare | Check | Describe = tyro.extras.subcommand_cli_from_dict(
        {"list": List, "fetch": Fetch, "prepare": Prepare, "check": Check, "describe": Describe},
        args=argv,
        prog="python -m simulation.data",
        description="List data sets, get them, check them, and show who is in them.",
    )
    try:
        asked.run(CATALOGUE if catalogue is None else catalogue)
    except BadInput as error:
        return complain(error, BAD_INPUT)
    except KeyboardInterrupt:
        return complain("interrupted; nothing is half-written, and a download goes on where it was", INTERRUPTED)
    return FAILED if output_lost() else DONE
