"""``--resume RUN``, as a command line says it: the settings that a run had, and which of them may change."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metafed.core.errors import DataError
from metafed.core.reading import LARGEST_RECORD, read_json
from metafed.federation.federation import Federation
from simulation.cli.config import Config
from simulation.cli.errors import BadInput

FREE = {
    *("resume", "quiet", "rounds", "engine", "workers", "worker_cpus", "worker_gpus", "ray_address", "round_timeout"),
    *("checkpoint_every", "keep", "data_dir", "track"),
}
"""Settings that leave every bit as it is, and where the data are, which are checked by their hashes."""


def settings_file(folder: Path) -> Path:
    """Return the ``config.toml`` of a run that is to go on.

    Raises:
        BadInput: There is no such run.
    """
    if not folder.is_dir():
        raise BadInput(f"--resume {folder}: no such folder")
    if not (folder / "config.toml").is_file() or not (folder / "manifest.json").is_file():
        raise BadInput(f"--resume {folder}: holds no record of a run (config.toml and manifest.json); start it anew")
    try:
        about: object = read_json(folder / "manifest.json", "--resume", LARGEST_RECORD)
    except DataError as error:
        raise BadInput(f"{error}; start it anew") from None
    if isinstance(about, dict) and "members" in about:
        raise BadInput(f"--resume {folder}: holds several runs; name one of them, such as {about['members'][0]}")
    return folder / "config.toml"


def check_unchanged(before: Config, after: Config) -> None:
    """Refuse settings by which a run would go on as another.

    Raises:
        BadInput: One was changed; the message names each with both values.
    """
    if after.out is not None:
        raise BadInput(f"--out {after.out}: --resume writes to the run's own folder; leave one of the two out")
    if after.seeds or after.references:
        raise BadInput("--resume goes on with one run; --seeds and --references start several, leave them out")
    changed = [
        f"--{name.replace('_', '-')} was {shown(old)}, not {shown(new)}"
        for old_settings, new_settings in (
            (before.model_dump(mode="json", exclude={"experiment"}), after.model_dump(mode="json")),
            (before.experiment.model_dump(mode="json"), after.experiment.model_dump(mode="json")),
        )
        for name, old in old_settings.items()
        if name not in FREE and (new := new_settings[name]) != old and not _same_chunks(name, before, after)
    ]
    if changed:
        raise BadInput(
            f"--resume {after.resume}: {'; '.join(changed)}: a run goes on with the settings that it had; --rounds may"
            " be changed, and what leaves the result's bits alone (engine, workers)"
        )


def shown(value: Any) -> str:
    """Return a setting for a message: a table by its entries."""
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


def _same_chunks(name: str, before: Config, after: Config) -> bool:
    """Say whether ``--chunk`` was changed to what it was decided to be all the same."""
    if name != "chunk":
        return False
    return Federation(before.experiment).chunk_sizes == Federation(after.experiment).chunk_sizes
