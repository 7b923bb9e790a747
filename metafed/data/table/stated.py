"""What a description states, so that nothing has to be fitted or inferred: who has a few people alone cannot."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from metafed.core.source import DataError
from metafed.data.table.columns import Category, Column, Hashed, Number, Text, stated
from metafed.data.table.description import Description, pattern
from metafed.tasks.task import Kind

if TYPE_CHECKING:
    from metafed.data.table.source import Own
    from metafed.experiment.choices import TaskChoice

LISTED = 6
"""Things to state that a message lists."""
APART = {"data", "separator"}
"""Keys of a description that say where the rows are and not what they mean: these may differ between nodes."""


def lacking(description: Description, kind: Kind) -> list[str]:
    """Return what would be fitted to the rows or told by them, each with the way to state it."""
    ways = {
        "number": "[mean, unit]",
        "category": '[its values] or "hashed"',
        None: '[mean, unit] of a number, [its values] or "hashed" of a category',
    }
    found = []
    for feature in description.inputs:
        if pattern(feature.name):
            found.append(f"the columns that {feature.name!r} means, each by its name")
        elif stated(feature) is None:
            found.append(f"[features] {feature.name} = {ways.get(feature.cell, '')}")
    if kind == "classification" and description.classes is None:
        found.append(f"classes = […] of {description.targets[0]}")
    if kind == "regression" and description.scale is None:
        found.append(f"scale = [mean, unit] of {', '.join(description.targets)}")
    return found


def check_stated(description: Description, kind: Kind) -> None:
    """Refuse a description that leaves something to be fitted to a node's own people: other nodes would fit otherwise.

    Raises:
        DataError: It does; the message lists what, and how each is stated.
    """
    if description.partition is not None:
        raise DataError(
            f"{description.path}: partition = {description.partition!r} deals a table of everybody; a node that holds"
            " its own people only needs the column that names them: client = …"
        )
    found = lacking(description, kind)
    if found:
        more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
        raise DataError(
            f"{description.path}: a node that holds its own people only fits nothing to them, so state what is the same"
            f" for all nodes: {'; '.join(found[:LISTED])}{more}. `python -m simulation.data describe {description.path}"
            " --stated` writes it all, fitted to a table"
        )


def statement(made: "Own") -> str:
    """Return the text of the description with all stated that is fitted to the table of ``made``, or told by it.

    Raises:
        DataError: A column has several numbers a row, each with a scale of its own, which no description can state.
    """
    description: dict[str, Any] = tomllib.loads(made.description.path.read_text(encoding="utf-8"))
    for key in ("features", "text", "kind", "classes", "scale"):
        description.pop(key, None)
    texts = [column.name for column in made.encoders if isinstance(column, Text)]
    features = {column.name: _way(made, column) for column in made.encoders if not isinstance(column, Text)}
    description |= {"kind": made.kind, **({"text": texts} if texts else {})}
    if made.kind == "classification":
        description["classes"] = list(made.labels)
    elif made.target is not None:
        if made.outputs != len(made.description.targets):
            raise _unsaid(made, "target")
        pairs = [list(pair) for pair in zip(made.target.mean, made.target.unit, strict=True)]
        description["scale"] = pairs if len(pairs) > 1 else pairs[0]
    tables = {key: description.pop(key) for key, value in list(description.items()) if isinstance(value, dict)}
    lines = list(_lines(description))
    for name, table in {**({"features": features} if features else {}), **tables}.items():
        lines += ["", f"[{name}]", *_lines(table)]
    return "\n".join(lines)


def described(choices: "Iterable[TaskChoice]") -> list[str]:
    """Return a digest of every key of the description of each family that has one: ``FAMILY KEY DIGEST``."""
    found = []
    for choice in choices:
        description = getattr(choice.family.sources[choice.source], "description", None)
        if isinstance(description, Description):
            values = {**description.model_dump(mode="json", exclude=APART), "kind": choice.kind}
            for key, value in values.items():
                digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
                found.append(f"{choice.family.name} {key} {digest}")
    return found


def differing(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, list[str]]:
    """Return the keys, by family, in which two descriptions differ, as ``described`` tells of them."""
    found: dict[str, list[str]] = {}
    apart = set(ours) ^ set(theirs)
    for key in sorted(apart):
        family, _, rest = key.partition(" ")
        keys, key = found.setdefault(family, []), rest.partition(" ")[0]
        if key not in keys:
            keys.append(key)
    return found


def _way(made: "Own", column: Column) -> Any:
    """Return the value of a column in ``[features]`` that states it."""
    if isinstance(column, Category):
        return list(column.values)
    if isinstance(column, Hashed):
        return "hashed"
    assert isinstance(column, Number), "texts are named by themselves"
    whole = made.description.image is not None and len(made.encoders) == 1
    if len({*zip(column.mean, column.unit, strict=True)}) > 1 or (column.width > 1 and not whole):
        raise _unsaid(made, column.name)
    return [column.mean[0], column.unit[0]]


def _unsaid(made: "Own", name: str) -> DataError:
    return DataError(
        f"{made.description.path}: {name!r} has several numbers a row, whose scales cannot be stated; make them columns"
    )


def _lines(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield the lines of a TOML table without tables inside."""
    for key, value in values.items():
        bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
        yield f"{key if bare else _text(key)} = {_text(value)}"


def _text(value: Any) -> str:
    # JSON's texts and numbers are TOML's but for one sign
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
