"""Checkpoints: what the server must know to go on after a round as if it had never stopped.

A checkpoint of round N is three files in ``checkpoints/``: θ (``round-N.safetensors``), all other arrays
(``state/round-N.safetensors``) and ``round-N.json``, which names the bits of the other two. The JSON is renamed into
place last, so a checkpoint is there whole or not at all, whenever the process is killed.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from metafed.core.parameters import Vectors
from server.files import draft

MOMENTS, CLIENTS, EXTRA = "moments/", "clients/", "extra/"
LARGEST_HEADER = 100_000_000
"""Bytes of the header of safetensors, at most; it is the format's own bound."""
LARGEST_JSON = 2**30
"""Bytes of the JSON that are read at most: minimax names every client that it has met."""


class Damaged(ValueError):
    """A checkpoint cannot be used; the message says why."""


@dataclass(frozen=True)
class Checkpoint:
    """The server's state once a round is finished.

    Attributes:
        round: The round; all of its lines and rows are in the record.
        theta: θ, ``(size,)`` a part.
        moments: The outer optimizer's, by part and name.
        clients: Personal states ``(S,)`` by client, of those that have one where a pool of workers keeps them. The
            nodes of a deployment keep their own.
        extra: State of others, by owner and name: arrays, or plain JSON.
        of: The hash of the run and its settings; the record knows it.
    """

    round: int
    theta: Vectors
    moments: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    clients: Mapping[int, np.ndarray] = field(default_factory=dict)
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of: str = ""


class Position(BaseModel):
    """Where the record stands at a checkpoint.

    Attributes:
        start: Byte of ``rounds.jsonl`` where the round's line begins.
        end: Byte where it ends.
        evaluated: Whether clients were evaluated after the round.
        trained: The line without its evaluation, where that was made only since the round was the last.
        sha256: The hashes of ``rounds.jsonl`` up to the round's line, and of the line; None in a checkpoint that is
            older than this entry.
        rows: By table, its rows up to the round, without the round's evaluation and with it; None likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    evaluated: bool
    trained: dict[str, Any] | None = None
    sha256: tuple[str, str] | None = None
    rows: dict[str, tuple[int, int]] | None = None


class _Page(BaseModel):
    """What the JSON holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[2]
    of: str
    round: int = Field(ge=0)
    theta_sha256: str
    state_sha256: str
    position: Position
    extra: dict[str, dict[str, Any]]


@runtime_checkable
class PersonalStates(Protocol):
    """Who keeps clients' personal states where the server can have them: a pool of workers."""

    def mark(self, server_round: int) -> None:
        """Take note that a round is finished: ``marked`` is of now."""

    def marked(self) -> tuple[int, dict[int, np.ndarray]]:
        """Return the round last marked, and each client's state as it was then."""

    def restore(self, states: Mapping[int, np.ndarray]) -> None:
        """Replace all states."""


def paths(folder: Path, server_round: int) -> tuple[Path, Path, Path]:
    """Return the files of a checkpoint: JSON, θ, the other arrays."""
    name = f"round-{server_round:08d}"
    return folder / f"{name}.json", folder / f"{name}.safetensors", folder / "state" / f"{name}.safetensors"


def write(folder: Path, checkpoint: Checkpoint, position: Position, keep: int, of: str = "") -> Path:
    """Write a checkpoint into ``folder``, and remove all but the newest ``keep``. Returns the JSON's path.

    Everything is on the disk, not merely on its way, before the checkpoint shows.

    Raises:
        OSError: It cannot be written.
    """
    page, theta, state = paths(folder, checkpoint.round)
    state.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        **{f"{MOMENTS}{p}/{n}": array for p, kept in checkpoint.moments.items() for n, array in kept.items()},
        **{f"{CLIENTS}{client}": array for client, array in checkpoint.clients.items()},
        **{f"{EXTRA}{owner}/{n}": v for owner, own in checkpoint.extra.items() for n, v in own.items() if _array(v)},
    }
    written = _Page(
        version=2,
        of=of,
        round=checkpoint.round,
        theta_sha256=_save(checkpoint.theta, theta, checkpoint.round),
        state_sha256=_save(arrays, state, checkpoint.round),
        position=position,
        extra={o: {n: v for n, v in own.items() if not _array(v)} for o, own in checkpoint.extra.items()},
    )
    with draft(page) as beside:
        with beside.open("w", encoding="utf-8") as file:
            # the order of keys is kept: sums over an objective's state may depend on it
            json.dump(written.model_dump(), file)
            file.flush()
            os.fsync(file.fileno())
        sync(state.parent)
    sync(folder)
    for old in there(folder)[keep:]:
        remove(folder, old)
    return page


def read(folder: Path, server_round: int) -> tuple[Checkpoint, Position]:
    """Read the checkpoint of a round.

    Raises:
        Damaged: It is not whole, or not what was written.
    """
    files = paths(folder, server_round)
    try:
        if files[0].stat().st_size > LARGEST_JSON:
            raise Damaged(f"{files[0]}: larger than {LARGEST_JSON} bytes")
        page = _Page.model_validate_json(files[0].read_bytes())
        if page.round != server_round:
            raise Damaged(f"{files[0]}: says that it is of round {page.round}")
        for file, digest in zip(files[1:], (page.theta_sha256, page.state_sha256), strict=True):
            check_size(file)
            with file.open("rb") as opened:
                if file_digest(opened, "sha256").hexdigest() != digest:
                    raise Damaged(f"{file}: other bits than {files[0].name} names")
        theta, arrays = (load(file.read_bytes()) for file in files[1:])
    except OSError as error:
        raise Damaged(f"{error.filename}: {error.strerror}") from None
    except ValidationError as error:
        raise Damaged(f"{files[0]}: {error.errors()[0]['msg']}") from None
    except SafetensorError as error:
        raise Damaged(f"{files[0]}: {error}") from None
    moments: dict[str, dict[str, np.ndarray]] = {}
    extra = {owner: dict(own) for owner, own in page.extra.items()}
    clients: dict[int, np.ndarray] = {}
    for key, array in arrays.items():
        kind, _, rest = key.partition("/")
        if key.startswith(CLIENTS):
            clients[int(rest)] = array
        else:
            owner, _, name = rest.partition("/")
            (moments if kind + "/" == MOMENTS else extra).setdefault(owner, {})[name] = array
    return Checkpoint(page.round, theta, moments, clients, extra, page.of), page.position


def check_size(file: Path) -> None:
    """Refuse safetensors of another size than its own header says, before all of it is read.

    Raises:
        Damaged: It is larger or smaller, or has no header.
        OSError: It cannot be read.
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 0 < length <= min(size - 8, LARGEST_HEADER):
            raise Damaged(f"{file}: its header is damaged")
        try:
            entries = json.loads(opened.read(length))
            ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
            stated = 8 + length + max(ends, default=0)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Damaged(f"{file}: its header is damaged") from None
    if stated != size:
        raise Damaged(f"{file}: has {size} bytes, its header says {stated}")


def there(folder: Path) -> list[int]:
    """Return the rounds of the checkpoints in ``folder``, newest first."""
    names = [path.stem.removeprefix("round-") for path in folder.glob("round-*.json")]
    return sorted((int(name) for name in names if name.isascii() and name.isdigit()), reverse=True)


def remove(folder: Path, server_round: int) -> None:
    """Remove a checkpoint: its JSON first, so that it is never seen in part."""
    for path in paths(folder, server_round):
        path.unlink(missing_ok=True)


def tidy(folder: Path, whole: Sequence[int]) -> None:
    """Remove what belongs to no checkpoint of the rounds ``whole``: what a killed process was about to write."""
    wanted = {path for server_round in whole for path in paths(folder, server_round)}
    for path in [*folder.glob("*"), *(folder / "state").glob("*")]:
        if path not in wanted and path.is_file():
            path.unlink()


def sync(folder: Path) -> None:
    """Have the names in ``folder`` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _save(arrays: Mapping[str, np.ndarray], path: Path, server_round: int) -> str:
    """Write safetensors, on the disk when this returns, and return its SHA-256."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with draft(path) as beside:
        save_file(whole, beside, metadata={"round": str(server_round)})
        with beside.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    return digest
