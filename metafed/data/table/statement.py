"""The description of a table with all stated that a table tells, for who has a few people alone."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from metafed.core.errors import DataError
from metafed.core.reading import read_toml
from metafed.data.table.columns import Category, Characters, Column, Hashed, Number, Steps, Text
from metafed.data.table.published import of_form
from metafed.data.table.source import Own


def statement(made: Own) -> str:
    """Return the text of the description with all stated that is fitted to the table of ``made``, or inferred from it.

    Raises:
        DataError: A column has several numbers a row, each with a scale of its own, which no description can state.
    """
    description: dict[str, Any] = of_form(made.description.path.parent, read_toml(made.description.path))
    for key in ("features", "text", "kind", "classes", "scale"):
        description.pop(key, None)
    texts = [column.name for column in made.encoders if isinstance(column, Text)]
    features = {column.name: _way(made, column) for column in made.encoders if not isinstance(column, Text)}
    description |= {"kind": made.kind, **({"text": texts} if texts else {})}
    if made.kind == "classification" and not made.description.anonymous:
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


def _way(made: Own, column: Column) -> Any:
    """Return the value of a column in ``[features]`` that states it."""
    if isinstance(column, Category):
        return list(column.values)
    if isinstance(column, Hashed):
        return "hashed"
    if isinstance(column, Steps | Characters):
        raise _unsaid(made, column.name)
    assert isinstance(column, Number), "texts are named by themselves"
    whole = made.description.image is not None and len(made.encoders) == 1
    if len({*zip(column.mean, column.unit, strict=True)}) > 1 or (column.width > 1 and not whole):
        raise _unsaid(made, column.name)
    return [column.mean[0], column.unit[0]]


def _unsaid(made: Own, name: str) -> DataError:
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
