"""``--resume RUN``, as a command line says it: the settings that a run had, and which of them may change."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metafed.core.errors import DataError
from metafed.core.reading import LARGEST_RECORD, read_json
from metafed.data.family import SUFFIX
from metafed.experiment.choices import descriptions
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.record.forms import Manifest, check
from server.record.tables import PREDICTIONS, RESERVE
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.streams import say

FREE = {
    *("resume", "quiet", "rounds", "engine", "workers", "worker_cpus", "worker_gpus", "ray_address", "round_timeout"),
    *("checkpoint_every", "keep", "data_dir", "encoder", "report", "track"),
}
"""Settings that leave every bit as it is, and where the data are, which are checked by their hashes."""
FOLDERS = ("parts", "prediction-parts", "checkpoints", "checkpoints/state")
"""Folders of a record, where they are there; all else that a record writes is a file, in it or in one of these."""
OWN = (".json", ".jsonl", ".toml", ".parquet", ".html", ".log", ".draft", ".safetensors")
"""Suffixes of what a record writes. What has another is somebody else's, and stays as it is."""


def settings_file(folder: Path) -> Path:
    """Return the ``config.toml`` of a run that is to go on.

    Raises:
        BadInput: There is no such run.
    """
    if not folder.is_dir():
        raise BadInput(f"--resume {folder}: no such folder")
    if not (folder / "config.toml").is_file() or not (folder / "manifest.json").is_file():
        raise BadInput(f"--resume {folder}: holds no record of a run (config.toml and manifest.json); start it anew")
    about = _manifest(folder)
    if isinstance(members := about.get("members"), list) and members:
        raise BadInput(f"--resume {folder}: holds several runs; name one of them, such as {members[0]}")
    check_kinds(folder, "--resume")
    ended = about.get("exit_reason") is not None and not (folder / "parts").is_dir()
    if ended and (folder / "summary.json").exists() and not (folder / "clients.parquet").exists():
        raise BadInput(f"--resume {folder / 'clients.parquet'}: is missing, and with it the rows of finished rounds")
    if ended and about.get(PREDICTIONS.sha256) and not (folder / PREDICTIONS.file).exists():
        raise BadInput(f"--resume {folder / PREDICTIONS.file}: is missing, and with it those of finished rounds")
    return folder / "config.toml"


def check_kinds(folder: Path, flag: str = "") -> None:
    """Refuse a folder, a pipe or a loop of links where a record has a file, and anything else where it has a folder.

    It would be found only when the rest is computed, or look like a file that is missing; a pipe would be waited for,
    and what a linked folder holds be removed.

    Args:
        folder: The record.
        flag: By what it was named, for the message.

    Raises:
        BadInput: There is such a thing; nothing was opened.
    """
    folders = [folder / name for name in FOLDERS]
    for path in folders:
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise BadInput(f"{flag} {path}: is no folder, as it is in a run's record; move it away".strip())
    for path in (inner for each in (folder, *folders) if each.is_dir() for inner in each.iterdir()):
        if (path.suffix in OWN or path.name == RESERVE) and not path.is_file():
            raise BadInput(f"{flag} {path}: is no file, as it is in a run's record; move it away".strip())


def again(folder: Path) -> Config:
    """Return the settings of a run that is to go on, from its record; we are where its relative paths count from.

    Raises:
        BadInput: There is no such run, or its settings cannot be used, or were changed by hand.
    """
    found = Config.from_file(settings_file(folder))
    check_settings(folder, found)
    return found.model_copy(update={"resume": go_where_it_began(folder, found.experiment)})


def check_settings(folder: Path, found: Config) -> None:
    """Compare ``config.toml`` with the manifest, whose settings are those of record.

    Raises:
        BadInput: It was changed by hand; the message names each setting with both values.
    """
    about = _manifest(folder).get("experiment")
    try:
        recorded = Experiment.model_validate(about)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("experiment", *first["loc"])))
        raise BadInput(f"--resume {folder / 'manifest.json'}: {where}: {first['msg']}") from None
    before, now = recorded.model_dump(mode="json"), found.experiment.model_dump(mode="json")
    changed = [
        f"{name.replace('_', '-')} = {shown(now[name])} (manifest.json has {shown(value)})"
        for name, value in before.items()
        if name not in FREE and now[name] != value
    ]
    if changed:
        raise BadInput(
            f"--resume {folder / 'config.toml'}: was changed since the run began: {', '.join(changed)}; a run goes on"
            " with the settings that it had"
        )


def go_where_it_began(folder: Path, experiment: Experiment) -> Path:
    """Go to the folder that a run was started in, where the files lie that it names by relative paths.

    Only descriptions count (``--tasks NAME:FILE.toml``, ``--devices.tiers FILE.toml``): data sets are found by
    ``--data-dir``, from wherever one is. Where they are not there any more nothing is done.

    Args:
        folder: The record, of one run or of several.
        experiment: What was run.

    Returns:
        The record's folder, as seen from where we are now.
    """
    start = _manifest(folder).get("started_in")
    named = [Path(name) for name in (*descriptions(experiment.tasks), experiment.devices.tiers)]
    relative = [path for path in named if path.suffix == SUFFIX and not path.is_absolute()]
    if not isinstance(start, str) or not relative:
        return folder
    record = Path(os.path.realpath(folder))
    base = Path(os.path.normpath(record / start))
    if base == Path(os.path.realpath(os.getcwd())) or not all((base / path).is_file() for path in relative):
        return folder
    os.chdir(base)
    say(f"metafed: {', '.join(map(str, relative))} is taken from {base}, where the run was started")
    return record


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        about = read_json(folder / "manifest.json", "--resume", LARGEST_RECORD)
    except DataError as error:
        raise BadInput(str(error)) from None
    if not isinstance(about, dict):
        raise BadInput(f"--resume {folder / 'manifest.json'}: expected a JSON object, got {type(about).__name__}")
    try:
        check(Manifest, about, folder / "manifest.json")
    except DataError as error:
        raise BadInput(f"--resume {error}") from None
    return about


def check_unchanged(before: Config, after: Config) -> None:
    """Refuse settings by which a run would go on as another.

    Raises:
        BadInput: One was changed; the message names each with both values.
    """
    if after.out is not None:
        raise BadInput(f"--out {after.out}: --resume writes to the run's own folder; leave one of the two out")
    if after.seeds or after.references != before.references:
        raise BadInput("--resume goes on with one run as it was begun; leave --seeds and --references out")
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
