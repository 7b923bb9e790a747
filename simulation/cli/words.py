"""The words of a command line, before a command reads them: a home written as ``~``, and words that are empty."""

import os
import re
from collections.abc import Sequence

from simulation.cli.errors import BadInput

OF_PATHS = ("--out", "--resume", "--config", "--data-dir", "--encoder", "--node-data", "--credentials", "--records")
"""Flags with a path, where none would mean the folder that one is in."""
HOME = re.compile(r"(^|(?<=[=:,]))~(?=/)")
"""``~/`` where a path may begin: shells read it in a word of its own only, Polars everywhere."""


def whole(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with each home written out.

    Raises:
        BadInput: A path is empty, as that of a variable is that a shell does not know.
    """
    for before, word in zip(("", *words), words, strict=False):
        flag, equals, value = word.partition("=")
        if word == "" and not before.startswith("--"):
            raise BadInput("'' is empty, as a variable is that the shell does not know; give a path, or leave it out")
        if (word == "" and before in OF_PATHS) or (flag in OF_PATHS and equals and not value):
            raise BadInput(f"{flag or before} '' is empty; give a path, or leave the flag out")
    home = os.path.expanduser("~")
    return [HOME.sub(lambda _: home, word) for word in words]
