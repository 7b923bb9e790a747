"""Files that are there whole or not at all, and folders that are taken back."""

import errno
import fcntl
import json
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def check_place(path: Path) -> None:
    """Refuse a pipe, a device or a loop of links as the place of a file: a rename would put a file in its place.

    Raises:
        OSError: It is one.
    """
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise OSError(errno.EEXIST, "is a pipe or a device; name a file", str(path))


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes ``path`` in one step; what fails leaves no half-written file.

    On a full disk that also gives back the room that the file took: enough, most often, to say what happened.

    Raises:
        OSError: ``path`` is a pipe, a device or a loop of links.
    """
    check_place(path)
    beside = path.with_name(f"{path.name}.draft")
    if beside.is_symlink() or not beside.is_file():
        beside.unlink(missing_ok=True)  # a pipe would be waited for, and a link be written through
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically."""
    with draft(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, atomically.

    Raises:
        ValueError: A number in it is not finite.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


@contextmanager
def new_folder(folder: Path, there: bool = False) -> Iterator[list[Path]]:
    """Make a folder with its parents, and take all of them back where the block fails.

    Yields the parents that were made, from the inside out, as ``remove`` wants them.

    Args:
        folder: The folder.
        there: It exists and stays, whatever happens.

    Raises:
        FileExistsError: It exists; nothing was touched.
        OSError: It cannot be made.
    """
    if there:
        yield []
        return
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        if not isinstance(error, FileExistsError):
            _remove_empty(made)
        raise
    try:
        yield made
    except BaseException:
        remove(folder, made)
        raise


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder of several runs, as a record holds itself: its ``.lock`` is this process's, however that ends.

    Raises:
        BlockingIOError: Another process holds it.
        OSError: It cannot be written to.
    """
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def remove(folder: Path, made: Sequence[Path]) -> None:
    """Remove a folder, and the folders around it that were made for it and hold nothing else."""
    shutil.rmtree(folder)
    _remove_empty(made)


def _remove_empty(folders: Sequence[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
