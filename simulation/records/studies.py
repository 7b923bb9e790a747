"""Which folders hold a study: several runs, by ``--seeds`` and ``--references``."""

from collections.abc import Sequence
from pathlib import Path

from metafed.core.errors import DataError
from metafed.core.reading import LARGEST_RECORD, read_json
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.flags import take_option
from simulation.cli.resume import go_where_it_began

KIND = "study"
"""What the manifest of a folder of runs calls itself."""


def is_study(folder: Path) -> bool:
    """Say whether a folder is a study's and not a single run's."""
    try:
        manifest = read_json(folder / "manifest.json", largest=LARGEST_RECORD)
    except DataError:
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == KIND


def resumed(argv: Sequence[str]) -> Config | None:
    """Return the settings of the study that ``--resume`` names in a command line; None where it names none.

    Raises:
        BadInput: Other flags are given, or the study's ``config.toml`` cannot be read.
    """
    rest, named = take_option(list(argv), "--resume")
    if named is None or not is_study(Path(named)):
        return None
    others = [word for word in rest if word != "--quiet"]
    if others:
        raise BadInput(f"--resume {named}: a study goes on with the settings that it has; leave {others[0]} out")
    config = Config.from_file(Path(named) / "config.toml")
    folder = go_where_it_began(Path(named), config.experiment)
    return config.model_copy(update={"resume": folder, "quiet": len(rest) > 0})
