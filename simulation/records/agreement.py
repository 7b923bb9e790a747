"""Whether two records of one experiment agree in every bit but wall times, and if not, where they first differ."""

import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from metafed.core.reading import brief
from server.record.rounds import WALL_TIMES
from server.record.tables import PREDICTIONS
from simulation.cli.errors import BadInput
from simulation.records.runs import lines_of, parquet

MISSING = "missing"
"""What an entry is of a file that does not have it."""


class Difference(NamedTuple):
    """Where two records first differ.

    Attributes:
        round: The round; None: θ alone differs.
        client: The client; None: the round's line differs, and no client does.
        what: What differs, with both values.
    """

    round: int | None
    client: int | None
    what: str

    def __str__(self) -> str:
        place = "θ at the end" if self.round is None else f"round {self.round}"
        who = "" if self.client is None else f", client {self.client}"
        return f"{place}{who}: {self.what}"


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of ``rounds.jsonl``, without wall times.

    Raises:
        BadInput: It is not there, or not JSON.
    """
    path = folder / "rounds.jsonl"
    try:
        whole = (json.loads(text) for text in lines_of(path) if text.endswith(b"\n"))
        return [{k: v for k, v in line.items() if k not in WALL_TIMES} for line in whole]
    except BadInput:
        raise
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: not a record's lines: {brief(error)}") from None


def rows(folder: Path) -> "pl.DataFrame":
    """Return the rows of ``clients.parquet``, in the order of rounds.

    Raises:
        BadInput: It is not there, or not Parquet.
    """
    path = folder / "clients.parquet"
    if not path.exists():
        raise BadInput(
            f"{path}: not there; a run that was killed is closed by python -m simulation.run --resume {folder}"
        )
    # what the data call clients follows from no computation, and older records do not have it
    return parquet(path).drop("name", strict=False)


def first_difference(left: Path, right: Path) -> Difference | None:
    """Return where the records differ first; None: they do not.

    Of the last round of ``left`` an evaluation counts only if ``left`` has one: a run that stopped early was not
    evaluated after the round that it stopped at.

    Raises:
        BadInput: One of them cannot be read.
    """
    before, after = lines(left), lines(right)
    old, new = rows(left), rows(right)
    last = before[-1]["round"] if before else -1
    if before and "evaluation" not in before[-1]:
        after = [{k: v for k, v in e.items() if e["round"] != last or k != "evaluation"} for e in after]
        new = new.filter((new["round"] != last) | (new["phase"] == "train"))
    for number in range(max(len(before), len(after))):
        mine, theirs = (each[number] if number < len(each) else None for each in (before, after))
        if mine is None or theirs is None:
            there = mine or theirs or {}
            return Difference(int(there["round"]), None, "is in one of the records only")
        server_round = int(mine["round"])
        client = _client(old.filter(old["round"] == server_round), new.filter(new["round"] == server_round))
        if client is not None:
            return Difference(server_round, *client)
        if mine != theirs:
            return Difference(server_round, None, _entry(mine, theirs))
    return _predicted(left, right, last, "evaluation" in (before[-1] if before else {}))


def _predicted(left: Path, right: Path, last: int, evaluated: bool) -> Difference | None:
    """Return where two records' predictions for single rows differ first, where they have any."""
    paths = [path for path in (left / PREDICTIONS.file, right / PREDICTIONS.file) if path.exists()]
    if len(paths) == 1:
        return Difference(last, None, f"{PREDICTIONS.file} is in one of the records only")
    if not paths:
        return None
    old, new = (parquet(path).drop("name") for path in paths)
    if not evaluated:
        new = new.filter(new["round"] != last)
    for server_round in sorted({*old["round"], *new["round"]}):
        pair = (each.filter(each["round"] == server_round) for each in (old, new))
        client = _client(*pair)
        if client is not None:
            return Difference(server_round, client[0], f"{PREDICTIONS.file}: {client[1]}")
    return None


def _client(old: "pl.DataFrame", new: "pl.DataFrame") -> tuple[int | None, str] | None:
    """Return the first client whose rows of a round differ, None where it is their columns that do, and how."""
    if old.columns != new.columns:
        return None, f"columns {old.columns} and {new.columns}"
    if old.equals(new):
        return None
    for mine, theirs in zip_longest(old.iter_rows(named=True), new.iter_rows(named=True)):
        if mine is None or theirs is None:
            return int((mine or theirs)["client"]), "is in one of the records only"
        if repr(mine) != repr(theirs):  # by their digits: 0 is not −0, and NaN is NaN
            return int(mine["client"]), _entry(mine, theirs)
    return None


def _entry(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Name the first entry of a row, or of a round's line, that differs."""
    name = next(name for name in {**mine, **theirs} if repr(mine.get(name)) != repr(theirs.get(name)))
    return f"{name} is {mine.get(name)!r} and {theirs.get(name)!r}"


def first_entry(left: Any, right: Any, path: str = "") -> str | None:
    """Name the first entry in which two values of JSON differ, by its path, with both; None where they are equal."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        inner = {name: (left.get(name, MISSING), right.get(name, MISSING)) for name in {**left, **right}}
    elif isinstance(left, list) and isinstance(right, list):
        inner = {str(number): each for number, each in enumerate(zip_longest(left, right, fillvalue=MISSING))}
    else:
        return None if repr(left) == repr(right) else f"{path or 'all'} is {brief(left)} and {brief(right)}"
    below = (first_entry(*each, f"{path}/{name}".lstrip("/")) for name, each in inner.items())
    return next(filter(None, below), None)
