"""Where a run's record goes, and what it holds of how the run was made."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from metafed.experiment.lookup import algorithm_name
from simulation.cli.config import Config
from simulation.cli.errors import BadInput, Taken

T = TypeVar("T")


def engine_settings(config: Config) -> dict[str, Any]:
    """Return how the experiment is run, as the manifest and ``config.toml`` hold it."""
    dropped = {"experiment", "quiet", "config", "out", "resume"}
    return config.model_dump(mode="json", exclude=dropped, exclude_none=True)


def stamped(what: str) -> Path:
    """Return a folder that says when and what."""
    return Path("runs") / f"{datetime.now(UTC).strftime('%Y-%m-%dT%H%M%S')}-{what}"


def default_folder(config: Config) -> Path:
    """Return the folder of a run or a study for which none is named."""
    name = algorithm_name(config.experiment.algorithm).replace(":", ".")
    seeds = f"s{config.experiment.seed}-{config.experiment.seed + config.seeds - 1}" if config.seeds else ""
    return stamped(f"{name}-seed{seeds or config.experiment.seed}")


def check_apart(folder: Path) -> None:
    """Refuse a folder within a run's record, which going on with that run may remove with its own parts.

    Raises:
        BadInput: It lies there.
    """
    for parent in Path(os.path.abspath(folder)).parents:
        if all(os.path.isfile(parent / name) for name in ("manifest.json", "rounds.jsonl")):
            raise BadInput(f"--out {folder}: lies in the record of a run, {parent}; choose a folder outside of it")


def first_free(named: Path | None, default: Path, make: Callable[[Path], T]) -> T:
    """Make a folder: the one that was named, or the default or the first of default-2, default-3, … that is free.

    Two runs that start in one second have the same default.

    Args:
        named: The folder that the user wants.
        default: The folder where none is named.
        make: Makes the folder and what is in it. Only it can tell whether the name is free: another process may take it
            at any time.

    Raises:
        Taken: The named folder exists already.
    """
    folder, number = named or default, 1
    while True:
        try:
            return make(folder)
        except Taken:
            if named is not None:
                raise
            number += 1
            folder = default.with_name(f"{default.name}-{number}")
