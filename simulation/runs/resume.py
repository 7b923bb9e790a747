"""``--resume RUN``: a run goes on where its last checkpoint is, with the settings that it had."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metafed.federation.federation import Federation
from server.checkpoint import there
from server.record.record import Record
from server.record.resume import Found, NotResumable, find
from simulation.cli.config import Config
from simulation.cli.errors import BadInput, Taken
from simulation.runs.settings import check_apart


def open_record(config: Config, federation: Federation, folder: Path, settings: Mapping[str, Any]) -> Record:
    """Make the record's folder, or open it where the run goes on.

    Raises:
        BadInput: It is there and must not be, or the other way round, or it cannot be written.
    """
    again = config.resume is not None
    if not again:
        check_apart(folder)
    try:
        return Record(folder, federation, {}, settings, config.keep, again=again)
    except FileExistsError:
        raise Taken(f"--out {folder}: exists already; choose another folder or move it away") from None
    except NotResumable as error:
        raise BadInput(f"--resume {error}") from None
    except BlockingIOError:
        raise BadInput(f"--resume {folder}: the run is still going: another process writes its record") from None
    except OSError as error:
        raise BadInput(f"--{'resume' if again else 'out'} {folder}: {error.strerror}") from None


def where(config: Config, keep: Record) -> Found | None:
    """Return where the run goes on; None for one that starts.

    Raises:
        BadInput: There is nothing left to do, or rows are damaged.
    """
    if config.resume is None:
        return None
    try:
        found, rounds = find(keep.folder, config.experiment), config.experiment.rounds
    except NotResumable as error:
        raise BadInput(f"--resume {error}") from None
    ended = keep.before.get("exit_reason") == "done"
    if ended and found.checkpoint is not None and found.checkpoint.round == rounds:
        raise BadInput(
            f"--resume {keep.folder}: its {rounds} rounds are done; more than {rounds} by --rounds let it go on"
        )
    done = (keep.before.get("experiment") or {}).get("rounds", 0)
    if ended and rounds < done:
        raise BadInput(f"--resume {keep.folder}: has {done} rounds, --rounds {rounds} would take some back")
    newest = max(there(keep.folder / "checkpoints"), default=0)
    if rounds < newest:
        raise BadInput(f"--resume {keep.folder}: {newest} rounds are done, --rounds {rounds} would take some back")
    return found


def check_data(keep: Record, about: Mapping[str, Any]) -> None:
    """Refuse data, and networks of a user's own, that are not those that the run began with.

    Args:
        keep: The record.
        about: What the manifest is to say of the run now.

    Raises:
        BadInput: A file has other bits, or a module another shape.
    """
    before, now = (_hashes(entry.get("data") or {}) for entry in (keep.before, about))
    if before and before != now:
        named = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
        raise BadInput(f"--resume {keep.folder}: the data are not those that the run began with: {', '.join(named)}")
    # a record of before says less of a network
    began, goes_on = (entry.get("networks") or {} for entry in (keep.before, about))
    if changed := sorted(name for name, own in began.items() if not own.items() <= goes_on.get(name, {}).items()):
        raise BadInput(
            f"--resume {keep.folder}: the network of {', '.join(changed)} is not that with which the run began: its"
            " size, its head or trunk, what is frozen, or what computes it"
        )


def _hashes(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the hash of each data file, by source and the file's name: the folder may have moved."""
    return {
        f"{source}/{Path(file).name}": digest
        for source, source_files in data.items()
        for file, digest in source_files["files"].items()
    }


def notes(found: Found) -> Sequence[str]:
    """Say where a run goes on, for the log and the screen."""
    start = f"from round {found.checkpoint.round}" if found.checkpoint else "from the start: no checkpoint can be used"
    return [f"resumed {start}", *found.passed_over]
