"""Where two records first differ, apart from what differs from run to run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.golden.renames import ADDED, COLUMNS, KEYS, VALUES

WALL = {"seconds", "wall_seconds", "seconds_total"}
"""Keys of wall times; virtual ones (``virtual_seconds``, ``attendance``) are results."""
TABLES = ("clients.parquet", "participation.parquet")


def results(folder: Path) -> dict[str, Any]:
    """Return what is compared of a folder, file by file: a run's, or each run's of a study."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name in TABLES:
            found[name] = pl.read_parquet(path, glob=False)
        elif path.name == "summary.json":
            found[name] = json.loads(path.read_text())
        elif path.name == "rounds.jsonl":
            found[name] = [json.loads(line) for line in path.read_text().splitlines()]
        elif path.name == "manifest.json":
            found[name] = {key: json.loads(path.read_text()).get(key) for key in ("theta_sha256", "exit_reason")}
    return found


def renamed(value: Any) -> Any:
    """Return an old record's JSON in the present tree's words."""
    keys, values = {old: new for new, old in KEYS.items()}, {old: new for new, old in VALUES.items()}
    if isinstance(value, dict):
        return {keys.get(key, key): renamed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return values.get(value, value) if isinstance(value, str) else value


def difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return where two records first differ; empty where they are equal. ``old`` has the old tree's words."""
    if set(old) != set(new):
        return f"files: {sorted(set(old) ^ set(new))}"
    for name in old:
        before, after = old[name], new[name]
        if isinstance(before, pl.DataFrame):
            found = of_tables(before.rename({o: n for n, o in COLUMNS.items() if o in before.columns}), after)
        else:
            found = next(of_values(renamed(before), after, attended=False), "")
        if found:
            return f"{name}: {found}"
    return ""


def of_tables(old: pl.DataFrame, new: pl.DataFrame) -> str:
    """Return where two tables first differ."""
    if set(old.columns) != set(new.columns) - (ADDED - set(old.columns)):
        return f"columns {sorted(set(old.columns) ^ set(new.columns))}"
    if old.height != new.height:
        return f"{old.height} rows, now {new.height}"
    for column in old.columns:
        before, after = old[column], new[column]
        if not before.equals(after, null_equal=True) and str(before.to_list()) != str(after.to_list()):
            pairs = enumerate(zip(before.to_list(), after.to_list(), strict=True))
            row, (was, now) = next((row, pair) for row, pair in pairs if str(pair[0]) != str(pair[1]))
            return f"column {column}, row {row}: {was}, now {now}"
    return ""


def of_values(old: Any, new: Any, path: str = "", *, attended: bool) -> Iterator[str]:
    """Yield where two values of JSON differ; ``attended``: they are within a virtual clock's attendance."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            if (key in WALL and not attended) or (key in ADDED and key not in old):
                continue
            if key not in old or key not in new:
                yield f"{path}/{key} is only {'there now' if key in new else 'there before'}"
            else:
                yield from of_values(old[key], new[key], f"{path}/{key}", attended=attended or key == "attendance")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from of_values(*pair, f"{path}/{index}", attended=attended)
    elif old != new and not (cut(path, old, new) or interval(path)):
        yield f"{path}: {str(old)[:100]}, now {str(new)[:100]}"


def interval(path: str) -> bool:
    """Say whether a value of JSON belongs to an interval: all were made anew (docs/decisions/0055); values were not."""
    return path.rpartition("/")[2] in ("low", "high", "method")


def cut(path: str, old: Any, new: Any) -> bool:
    """Say whether an end of an interval was beyond what is possible, and is now the whole number that is its bound.

    It was made on purpose everywhere; CHANGELOG.md says so.
    """
    if not (isinstance(old, float) and isinstance(new, int | float) and new == round(new)):
        return False
    return (path.endswith("/high") and old > new) or (path.endswith("/low") and old < new)
