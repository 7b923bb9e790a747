"""Files appear whole or not at all, and a full disk is distinguished from other trouble."""

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from server.files import check_place
from simulation.cli.errors import BadInput

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, the quota is used up, the file would be larger than the process or the file system allows."""


def trouble(what: str, error: OSError) -> BadInput:
    """Say what went wrong with a file or a folder, ``what`` being its flag and name."""
    if error.errno in NO_ROOM:
        return BadInput(f"{what}: no room ({error.strerror}); nothing was left there")
    return BadInput(f"{what}: {error.strerror or error}")


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder, and those above it; if the block fails, remove those of them that are empty again."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for place in missing:
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()
        raise


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a path of the target's own name to write to, in a folder of its own beside the target.

    When the block ends, the file replaces the target; when it fails, nothing is left.

    Raises:
        OSError: The target is a pipe or a device.
    """
    check_place(target)
    with made(target.parent):
        inside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            yield inside / target.name
            (inside / target.name).chmod(0o644)
            os.replace(inside / target.name, target)
        finally:
            shutil.rmtree(inside, ignore_errors=True)


def write(path: Path, content: "Mapping[str, np.ndarray] | pl.DataFrame") -> None:
    """Write arrays as an ``.npz`` file, a table as a Parquet file; on the disk when this returns."""
    with path.open("wb") as file:
        if isinstance(content, Mapping):
            np.savez_compressed(file, **content)  # type: ignore[arg-type]  # the stub takes keywords for allow_pickle
        else:
            memory = io.BytesIO()  # polars wraps what the disk says into errors of its own
            content.write_parquet(memory, compression="zstd")
            file.write(memory.getbuffer())
        file.flush()
        os.fsync(file.fileno())
