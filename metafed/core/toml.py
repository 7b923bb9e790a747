"""TOML files of users: descriptions, settings, faults, devices, studies."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""What texts begin with that editors call Unicode, of two bytes a letter."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; a byte-order mark, which some editors write, is left out.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no TOML; the message says so.
    """
    written = path.read_bytes()
    if written.startswith(UTF_16):
        raise ValueError("not TOML: it is UTF-16; save it as UTF-8")
    try:
        # whatever ends its lines
        text = written.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not TOML: {error}") from None
