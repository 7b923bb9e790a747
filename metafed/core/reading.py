"""Small files of a user's own, by the one way in which they are read: regular ones only, up to a size, as UTF-8."""

import codecs
import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metafed.core.errors import DataError

LARGEST_RECORD = 256 * 2**20
"""Bytes of a record's JSON, at most."""
LARGEST = 4 * 2**20
"""Bytes of a file of settings, at most."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""What texts begin with that editors call Unicode, of two bytes a letter."""
DEEPEST = 50
"""How far tables may lie within tables."""


def read_text(path: Path, flag: str = "", largest: int = LARGEST) -> str:
    """Return the text of a small file; a byte order mark at its start is left out.

    Args:
        path: The file.
        flag: By what it was named, for the message.
        largest: Bytes at most.

    Raises:
        DataError: It is none, cannot be read, is too large, or no UTF-8.
    """
    where = f"{flag} {path}".strip()
    try:
        # a pipe that nobody writes to would be waited for: it is opened at once, and refused
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(f"{where}: {error.strerror}") from None
    except ValueError as error:  # such as a NUL in its name
        raise DataError(f"{flag} {str(path)!r}: no name of a file: {error}".strip()) from None
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        what = "is a folder" if stat.S_ISDIR(about.st_mode) else "is a pipe or a device"
        raise DataError(f"{where}: {what}; name a file")
    with os.fdopen(handle, "rb") as file:
        if about.st_size > largest:
            raise DataError(f"{where}: of {about.st_size} bytes; at most {largest} are read")
        try:
            written = file.read(largest + 1)
            if written.startswith(UTF_16):
                raise DataError(f"{where}: it is UTF-16; save it as UTF-8")
            # whatever ends its lines
            return written.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except OSError as error:
            raise DataError(f"{where}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise DataError(f"{where}: not UTF-8: {error.reason} at byte {error.start}") from None


def read_toml(path: Path, flag: str = "") -> dict[str, Any]:
    """Return what a small TOML file says.

    Raises:
        DataError: As ``read_text``; or it is no TOML, or of tables in tables without end.
    """
    return parse_toml(read_text(path, flag), f"{flag} {path}".strip())


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Return what TOML says; see ``read_toml``."""
    try:
        found = tomllib.loads(text)
        check_depth(found)
    except RecursionError:
        raise DataError(f"{where}: not TOML: nested more than {DEEPEST} deep") from None
    except ValueError as error:  # tomllib's own, and what it lets through, such as a number of 5,000 digits
        raise DataError(f"{where}: not TOML: {brief(error)}") from None
    return found


def read_json(path: Path, flag: str = "", largest: int = LARGEST) -> Any:
    """Return what a small JSON file says.

    Raises:
        DataError: As ``read_text``; or it is no JSON.
    """
    text, where = read_text(path, flag, largest), f"{flag} {path}".strip()
    try:
        return json.loads(text)
    except RecursionError:
        raise DataError(f"{where}: not JSON: nested too deep") from None
    except ValueError as error:
        raise DataError(f"{where}: not JSON: {brief(error)}") from None


def check_depth(value: Any) -> None:
    """Refuse tables in tables without end.

    Raises:
        ValueError: They are nested more than ``DEEPEST`` deep.
    """
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, Mapping) else each if isinstance(each, list) else ())
        ]
        if not level:
            return
    raise ValueError(f"nested more than {DEEPEST} deep")


def brief(value: object, most: int = 100) -> str:
    """Return a value for a message of one line, cut where it is long."""
    try:
        text = str(value) if isinstance(value, BaseException) else repr(value)
    except ValueError:  # a whole number of thousands of digits, which Python does not write
        return "a number too long to write"
    except RecursionError:
        return "a value nested too deep to write"
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
