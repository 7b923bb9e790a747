"""``python -m simulation.verify RUN``: run a record's experiment again, and say whether every bit agrees."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from metafed.core.errors import DataError
from metafed.core.reading import LARGEST_RECORD, read_json
from simulation.cli.config import Config
from simulation.cli.door import door
from simulation.cli.errors import BadInput, RunFailed
from simulation.cli.exits import called
from simulation.cli.resume import go_where_it_began, settings_file
from simulation.records.agreement import Difference, first_difference, lines, rows
from simulation.runs.simulate import simulate

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


def verify(options: Options) -> str | None:
    """Run the record's experiment again; returns where it differs, None if nowhere.

    A run that stopped early, by an interrupt or by divergence, is run as far as it came.

    Raises:
        BadInput: There is no record that has ended, or it cannot be run here.
        RunFailed: The run ended early this time.
    """
    about, finished = manifest(options.run), lines(options.run)
    rows(options.run)
    if not finished:
        raise BadInput(f"{options.run}: holds no finished round")
    last = int(finished[-1]["round"])
    config = Config.from_file(settings_file(options.run))
    record = go_where_it_began(options.run, config.experiment)
    changes: dict[str, Any] = {"experiment": config.experiment.model_copy(update={"rounds": last}), "quiet": True}
    changes |= {name: value for name in ("engine", "workers") if (value := getattr(options, name)) is not None}
    with tempfile.TemporaryDirectory(prefix="metafed-verify-") as scratch:
        again = simulate(config.model_copy(update={**changes, "out": Path(scratch) / "run", "track": None}))
        found = first_difference(record, again)
        if found is not None:
            return str(found)
        if last == config.experiment.rounds and about["theta_sha256"] != manifest(again)["theta_sha256"]:
            hashes = (about["theta_sha256"], manifest(again)["theta_sha256"])
            return str(Difference(None, None, f"theta_sha256 is {hashes[0]} and {hashes[1]}"))
    return None


def manifest(folder: Path) -> dict[str, Any]:
    """Return a record's manifest.

    Raises:
        BadInput: There is none, or it is of several runs.
    """
    path = folder / "manifest.json"
    try:
        about = dict(read_json(path, largest=LARGEST_RECORD))
    except DataError as error:
        raise BadInput(str(error)) from None
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path}: not a manifest: {error}") from None
    if "theta_sha256" not in about:
        raise BadInput(f"{folder}: holds no record of one run; name a folder that does, such as RUN/seed-0")
    return about


@door
def main(words: Sequence[str]) -> int:
    """Run the command line: 0 if every bit agrees, 1 if not, 2 if it could not be tried."""
    options = tyro.cli(Options, args=words, prog=called("verify"))
    try:
        found = verify(options)
    except RunFailed as error:
        print(f"{options.run}: the run ended early this time: {error}")
        return DIFFERS
    print(f"{options.run}: {'every bit agrees' if found is None else f'differs first at {found}'}")
    return AGREES if found is None else DIFFERS


if __name__ == "__main__":
    sys.exit(main())
