"""A client's prepared rows on disk, for who asks again in another process: a node of a deployment, at every message.

What is kept follows from the code that makes it, the files that it was made from, and the experiment's seed; all three
are in the name of the folder, so that a change of any of them is another folder. Arrays only: nothing that is read
from there can run. A file that is damaged, or cannot be written, costs time and nothing else.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, final

import numpy as np

from metafed.core.episodes import Examples
from metafed.data.files.bounds import UNREADABLE
from metafed.data.source import Origin, Source

ARRAYS = ("x", "y", "oracle_score", "time", "block", "evaluation", "attributes", "weight")


@final
class Kept:
    """A source whose clients' rows are read from a folder, where they were written when they were first asked for.

    Args:
        source: Makes or reads the clients, and says all else.
        folder: Of this source's clients; see ``folder_of``.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source, self._folder = source, folder

    def __getattr__(self, name: str) -> Any:
        """Return what the source has under this name."""
        return getattr(self._source, name)

    def examples(self, client: int) -> Examples:
        """Return the client's rows: those on disk, or the source's, which are written for the next to ask."""
        path = self._folder / f"{client}.npz"
        found = read(path)
        if found is None:
            found = self._source.examples(client)
            write(path, found)
        return found


def read(path: Path) -> Examples | None:
    """Return what ``write`` wrote; None where there is nothing, or something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
        group, name = str(arrays.pop("group")), str(arrays.pop("name", ""))
        if not {"x", "y", "oracle_score"} <= set(arrays) <= set(ARRAYS):
            return None
        return Examples(group=group, name=name, **arrays)
    except UNREADABLE:
        return None


def write(path: Path, own: Examples) -> None:
    """Write a client's rows, whole or not at all; where that fails there is nothing."""
    arrays = {name: getattr(own, name) for name in ARRAYS if getattr(own, name) is not None}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix="draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, group=np.array(own.group), name=np.array(own.name), **arrays)
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise


def keep(
    sources: Sequence[Source], tasks: Sequence[str], origins: Sequence[Origin], folder: Path
) -> tuple[Source, ...]:
    """Return the sources with their clients kept below ``folder``."""
    parts = zip(sources, tasks, origins, strict=True)
    return tuple(cast(Source, Kept(source, folder_of(folder, source, task, origin))) for source, task, origin in parts)


def folder_of(folder: Path, source: Source, task: str, origin: Origin) -> Path:
    """Return the folder below ``folder`` whose name follows from all that makes the source's clients what they are."""
    facts = {
        "code": code(),
        "task": task,
        "seed": origin.seed,
        "unseen": origin.unseen_from,
        "share": source.share,
        "anonymise": origin.anonymise,
        "features": source.features,
        "files": [content(file, folder) for file in source.files],
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
    name = "".join(letter if letter.isalnum() else "-" for letter in task)[-60:]
    return folder / f"{name}-{digest}"


@lru_cache(maxsize=1)
def code() -> str:
    """Return a hash of all of metafed's code, whatever of it makes clients."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def content(file: Path, folder: Path) -> str:
    """Return a file's SHA-256: that noted in ``folder`` while the file has been left alone, or of its bytes, read now.

    Left alone means: the same inode, size, time of change and time of its last change of anything, to the nanosecond.
    """
    stat = file.stat()
    state = f"{file.resolve()} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
    note = folder / "files" / hashlib.sha256(state.encode()).hexdigest()[:24]
    with contextlib.suppress(OSError):
        noted = note.read_text(encoding="ascii")
        if len(noted) == 64:
            return noted
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = note.with_suffix(f".{os.getpid()}")
        draft.write_text(digest, encoding="ascii")
        draft.replace(note)
    return digest
