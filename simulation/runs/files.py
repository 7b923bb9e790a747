"""Files about several runs, which are there whole or not at all."""

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON, atomically."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)
