"""The Flower app that a deployment submits: a checkout, or our packages where metafed is installed."""

import shutil
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from simulation import HOME, ROOMS
from simulation.cli.errors import BadInput

INSTALLED = "extra_metadata/pyproject.toml"
"""Where a wheel has the project's ``pyproject.toml``, among what it says of itself."""


def project(home: Path = HOME) -> tuple[str, dict[str, Any]]:
    """Return the ``pyproject.toml`` of the copy of metafed in ``home``: its text, and what it says.

    Raises:
        BadInput: There is none.
    """
    for text in (_beside(home), _installed()):
        found = tomllib.loads(text)
        if found.get("project", {}).get("name") == "metafed":  # a folder of packages may have another's
            return text, found
    raise BadInput(
        f"a deployment submits metafed as a Flower app, and {home} has no pyproject.toml of it: install metafed by pip,"
        " or run from a checkout"
    )


def app(scratch: Path, home: Path = HOME) -> Path:
    """Return the folder of the Flower app: a checkout itself, or a copy of installed packages in ``scratch``.

    Raises:
        BadInput: As ``project``.
    """
    text, _ = project(home)
    if text == _beside(home):
        return home
    for room in ROOMS:
        shutil.copytree(home / room, scratch / room, ignore=shutil.ignore_patterns("__pycache__"))
    (scratch / "pyproject.toml").write_text(text, encoding="utf-8")
    return scratch


def _beside(home: Path) -> str:
    path = home / "pyproject.toml"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _installed() -> str:
    try:
        return distribution("metafed").read_text(INSTALLED) or ""
    except PackageNotFoundError:
        return ""
