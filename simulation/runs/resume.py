"""``--resume RUN``: a run goes on where its last checkpoint is, with the settings that it had."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.cli.errors import BadInput

if TYPE_CHECKING:
    from metafed.federation.federation import Federation
    from server.record.record import Record
    from server.record.resume import Found
    from simulation.cli.config import Config

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
    about: object = None
    with suppress(ValueError, OSError):
        about = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if isinstance(about, dict) and "members" in about:
        raise BadInput(f"--resume {folder}: holds several runs; name one of them, such as {about['members'][0]}")
    return folder / "config.toml"


def check_unchanged(before: "Config", after: "Config") -> None:
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


def _same_chunks(name: str, before: "Config", after: "Config") -> bool:
    """Say whether ``--chunk`` was changed to what it was decided to be all the same."""
    if name != "chunk":
        return False
    from metafed.federation.federation import federation_of

    return federation_of(before.experiment).chunk_sizes == federation_of(after.experiment).chunk_sizes


def open_record(config: "Config", federation: "Federation", folder: Path, settings: Mapping[str, Any]) -> "Record":
    """Make the record's folder, or open it where the run goes on.

    Raises:
        BadInput: It is there and must not be, or the other way round, or it cannot be written.
    """
    from server.record.record import Record
    from server.record.resume import NotResumable

    again = config.resume is not None
    try:
        return Record(folder, federation, {}, settings, config.keep, again=again)
    except FileExistsError:
        raise BadInput(f"--out {folder}: exists already; choose another folder or move it away") from None
    except NotResumable as error:
        raise BadInput(f"--resume {error}") from None
    except BlockingIOError:
        raise BadInput(f"--resume {folder}: the run is still going: another process writes its record") from None
    except OSError as error:
        raise BadInput(f"--{'resume' if again else 'out'} {folder}: {error.strerror}") from None


def where(config: "Config", keep: "Record") -> "Found | None":
    """Return where the run goes on; None for one that starts.

    Raises:
        BadInput: There is nothing left to do.
    """
    from server.record.resume import find

    if config.resume is None:
        return None
    found, rounds = find(keep.folder, config.experiment), config.experiment.rounds
    ended = keep.before.get("exit_reason") == "done"
    if ended and found.checkpoint is not None and found.checkpoint.round == rounds:
        raise BadInput(
            f"--resume {keep.folder}: its {rounds} rounds are done; more than {rounds} by --rounds let it go on"
        )
    done = (keep.before.get("experiment") or {}).get("rounds", 0)
    if ended and rounds < done:
        raise BadInput(f"--resume {keep.folder}: has {done} rounds, --rounds {rounds} would take some back")
    return found


def check_data(keep: "Record", about: Mapping[str, Any]) -> None:
    """Refuse data that are not those that the run began with.

    Args:
        keep: The record.
        about: What the manifest is to say of the run now.

    Raises:
        BadInput: A file has other bits.
    """
    before, now = (_hashes(entry.get("data") or {}) for entry in (keep.before, about))
    if before and before != now:
        named = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
        raise BadInput(f"--resume {keep.folder}: the data are not those that the run began with: {', '.join(named)}")


def _hashes(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of each data file, by source and the file's name: the folder may have moved."""
    return {
        f"{source}/{Path(file).name}": digest for source, said in data.items() for file, digest in said["files"].items()
    }


def notes(found: "Found") -> Sequence[str]:
    """Say where a run goes on, for the log and the screen."""
    start = f"from round {found.checkpoint.round}" if found.checkpoint else "from the start: no checkpoint can be used"
    return [f"resumed {start}", *found.passed_over]
