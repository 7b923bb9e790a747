"""A Parquet file is read whole by a process of its own before it is read here: a damaged one may end its reader.

Polars believes the sizes that pages of a file state. One wrong byte may have it ask for memory that no machine has, and
the process is ended, without an exception. So a process that may end decodes every page first, piece by piece and with
its memory bounded. Of a large file it is noted that it was sound, for as long as it is left alone.
"""

import contextlib
import hashlib
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from metafed.core.errors import DataError
from metafed.data.files.copies import cache

MEMORY = 8 * 2**30
"""Bytes that reading a file piece by piece may take."""
PATIENCE, SLOWEST = 60.0, 2**20
"""Seconds that reading may take, and bytes a second at least beyond them: damage may have its reader hang, too."""
NOTED = 16 * 2**20
"""Bytes of a file from which on it is noted; others are read within half a second."""
DECODE = """
import resource, sys
import polars as pl
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]), int(sys.argv[2])))
try:
    pl.scan_parquet(sys.argv[1], glob=False).sink_batches(lambda batch: None)
except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
    sys.exit(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
"""


def check_parquet(path: Path) -> None:
    """Have every page of a Parquet file decoded once.

    Raises:
        DataError: It is damaged, needs more than ``MEMORY`` to be decoded, or takes too long.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    state = f"{path.resolve()} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
    _check(path, state, stat.st_size)


@lru_cache(maxsize=64)
def _check(path: Path, state: str, size: int) -> None:
    import polars as pl

    note = cache() / "sound" / hashlib.sha256(f"{state} {pl.__version__}".encode()).hexdigest()[:24]
    if size >= NOTED and note.is_file():
        return
    words, most = [sys.executable, "-I", "-c", DECODE, str(path), str(MEMORY)], PATIENCE + size / SLOWEST
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=most
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{path} is damaged: it could not be read through within {most:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[0] if lines else f"its reader ended with {done.returncode}"
        raise DataError(f"{path} is damaged: {reason}")
    if size >= NOTED:
        with contextlib.suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
