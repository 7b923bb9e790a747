"""Publishers' files as they come: a folder, an archive, or a folder with archives in it.

Nothing is unpacked to disk and no name inside an archive becomes a path, so an archive cannot write anywhere.
What a member unpacks to is counted, whatever its header claims, and refused beyond ``LARGEST`` and ``TOTAL``.
"""

import gzip
import io
import itertools
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, final

from metafed.core.errors import DataError

LARGEST = 64 * 2**20
"""Bytes of one file at most; the largest that a maker reads has 18 MiB."""
TOTAL = 4 * 2**30
"""Bytes of all files read from one place at most."""
TARBALL = 256 * 2**20
"""Bytes that a compressed tar file unpacks to at most: it is held in memory."""
MOST = 250_000
"""Files in one place at most."""
ARCHIVES = (".zip", ".whl", ".tar.gz", ".tgz")
DAMAGE = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError, zlib.error)
"""What zipfile, tarfile and gzip raise on a damaged, encrypted or unknown file."""


@final
class Original:
    """One publisher's file.

    Attributes:
        name: Its path below the place that was named, with slashes; inside an archive, the member's own name.
        where: What messages call it.
        packed: Whether it is inside an archive.
    """

    def __init__(
        self, name: str, where: str, packed: bool, unpack: Callable[[], IO[bytes]], spend: Callable[[int], None]
    ) -> None:
        self.name, self.where, self.packed = name, where, packed
        self._unpack, self._spend = unpack, spend

    @property
    def parts(self) -> tuple[str, ...]:
        """The name, cut at its slashes."""
        return PurePosixPath(self.name).parts

    def read(self) -> bytes:
        """Return the content.

        Raises:
            DataError: It cannot be read, is damaged, or is larger than ``LARGEST``.
        """
        try:
            with self._unpack() as file:
                content = file.read(LARGEST + 1)
        except DAMAGE as error:
            raise DataError(f"{self.where} cannot be read: {error}") from error
        if len(content) > LARGEST:
            raise DataError(f"{self.where} is larger than {LARGEST / 2**20:.0f} MiB: refused")
        self._spend(len(content))
        return content

    def text(self, encoding: str = "utf-8") -> str:
        """Return the content as text, a byte-order mark removed.

        Raises:
            DataError: See ``read``; or it is not text in that encoding.
        """
        try:
            return self.read().decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise DataError(f"{self.where} is not {encoding} text: {error}") from error


@final
class Originals:
    """All files of one place, sorted by name; of an archive that lies beside what it unpacked to, the latter."""

    def __init__(self, path: Path, files: list[Original]) -> None:
        self.path = path
        plain = {file.name for file in files if not file.packed}
        self.files = sorted(
            (file for file in files if file.name and not (file.packed and file.name in plain)),
            key=lambda file: file.name,
        )

    def matching(self, pattern: str) -> list[tuple[Original, re.Match[str]]]:
        """Return the files whose last part matches ``pattern`` entirely.

        Raises:
            DataError: Two archives have a file of the same name.
        """
        found = [(file, match) for file in self.files if (match := re.fullmatch(pattern, file.parts[-1]))]
        for (one, _), (other, _) in itertools.pairwise(found):
            if one.name == other.name:
                raise DataError(f"{self.path} has {one.name} twice: {one.where}, {other.where}")
        return found

    def find(self, name: str) -> Original | None:
        """Return the file called ``name``, the least deep if there are several; None if there is none.

        Raises:
            DataError: Several have that name, at the same depth.
        """
        found = sorted((f for f in self.files if f.parts[-1] == name), key=lambda file: len(file.parts))
        if len(found) > 1 and len(found[0].parts) == len(found[1].parts):
            raise DataError(f"{self.path} has several files {name}: {found[0].where}, {found[1].where}")
        return found[0] if found else None

    def one(self, name: str) -> Original:
        """Return the file called ``name``.

        Raises:
            DataError: There is none, or several.
        """
        found = self.find(name)
        if found is None:
            raise DataError(f"{self.path} has no file {name}")
        return found


@contextmanager
def originals(path: Path) -> Iterator[Originals]:
    """Open a folder, an archive (.zip, .whl, .tar.gz, .tgz) or a single file for reading.

    Archives that lie directly in a folder are opened, too.

    Raises:
        DataError: There is nothing of that name, an archive is damaged, or there are too many files.
    """
    left = TOTAL

    def spend(size: int) -> None:
        nonlocal left
        left -= size
        if left < 0:
            raise DataError(f"{path} unpacks to more than {TOTAL / 2**30:.0f} GiB: refused")

    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    with ExitStack() as open_archives:
        files: list[Original] = []
        for file in _walk(path) if path.is_dir() else (path,):
            if file.name.lower().endswith(ARCHIVES) and file.parent in (path, path.parent):
                files += _members(file, spend, open_archives)
            else:
                name = file.relative_to(path).as_posix() if path.is_dir() else file.name
                files.append(Original(name, str(file), False, partial(_open, file), spend))
            if len(files) > MOST:
                raise DataError(f"{path} has more than {MOST:,} files: refused")
        yield Originals(path, files)


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names))


def _members(path: Path, spend: Callable[[int], None], stack: ExitStack) -> Iterator[Original]:
    """Yield an archive's regular files; links and devices are none."""
    try:
        if path.name.lower().endswith((".zip", ".whl")):
            archive = stack.enter_context(zipfile.ZipFile(path))
            for member in archive.infolist():
                if not member.is_dir() and not member.filename.startswith("__MACOSX/"):
                    where = f"{path}: {member.filename}"
                    yield Original(member.filename, where, True, partial(archive.open, member), spend)
            return
        with gzip.open(path) as packed:
            content = packed.read(TARBALL + 1)
        if len(content) > TARBALL:
            raise DataError(f"{path} unpacks to more than {TARBALL / 2**20:.0f} MiB: refused")
        tar = stack.enter_context(tarfile.TarFile(fileobj=io.BytesIO(content)))
        for entry in tar.getmembers():
            if entry.isfile():
                yield Original(entry.name, f"{path}: {entry.name}", True, partial(_extract, tar, entry), spend)
    except DAMAGE as error:
        raise DataError(f"{path} is no archive that can be read: {error}") from error


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(entry)
    assert file is not None  # a regular file has content
    return file
