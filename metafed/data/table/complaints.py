"""What is said of a description that cannot be used: a file that is missing, a key or a value that is not allowed."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from metafed.core.names import near
from metafed.data.table.sizes import Sizes


def missing(path: Path) -> str:
    """Say that there is no such file, and which one of its folder may be meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file: there is no folder {folder}"
    return f"{path}: no such file" + near(path.name, sorted(other.name for other in folder.iterdir()))


def complaints(error: ValidationError, known: Iterable[str]) -> str:
    """Put pydantic's complaint into one line: what, which value, and what is allowed."""
    lines: dict[str, str] = {}
    for problem in error.errors():
        # of a value that may have several types pydantic says what is wrong with each: the first will do
        place = [str(step) for step in problem["loc"][: 2 if "shots" in problem["loc"] else 1]]
        key = ".".join(place)
        if problem["type"] == "extra_forbidden":
            near_miss = near(place[-1], known if len(place) == 1 else Sizes(**{}).model_dump(by_alias=True))
            text = f"unknown key {key!r}{near_miss}"
        elif problem["type"] == "missing":
            text = f"{key!r} is missing"
        elif problem["type"] == "value_error":
            text = f"{key}: {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
        else:
            text = f"{key} = {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
        lines.setdefault(key, text)
    return "; ".join(lines.values())
