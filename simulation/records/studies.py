"""Which folders hold a study: several runs, by ``--seeds`` and ``--references``."""

import json
from pathlib import Path

KIND = "study"
"""What the manifest of a folder of runs calls itself."""


def is_study(folder: Path) -> bool:
    """Say whether a folder is a study's and not a single run's."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == KIND
