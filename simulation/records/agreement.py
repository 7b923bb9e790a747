"""Whether two records of one experiment agree in every bit but wall times, and if not, where they first differ."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from server.record.rounds import WALL_TIMES
from simulation.cli.errors import BadInput


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
        texts = path.read_text(encoding="utf-8").split("\n")[:-1]
        return [{k: v for k, v in json.loads(text).items() if k not in WALL_TIMES} for text in texts]
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (ValueError, AttributeError) as error:
        raise BadInput(f"{path}: not a record's lines: {error}") from None


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
    try:
        # what the data call clients follows from no computation, and older records do not have it
        return pl.read_parquet(path, glob=False).drop("name", strict=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None


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
    return None


def _client(old: "pl.DataFrame", new: "pl.DataFrame") -> tuple[int | None, str] | None:
    """Return the first client whose rows of a round differ, None where it is their columns that do, and how."""
    if old.columns != new.columns:
        return None, f"columns {old.columns} and {new.columns}"
    if old.equals(new):
        return None
    for index in range(min(len(old), len(new))):
        for name in old.columns:
            mine, theirs = old[name][index], new[name][index]
            if not _same(mine, theirs):
                return int(old["client"][index]), f"{name} is {mine!r} and {theirs!r}"
    longer = old if len(old) > len(new) else new
    if len(old) == len(new):
        return None
    return int(longer["client"][min(len(old), len(new))]), "is in one of the records only"


def _same(mine: Any, theirs: Any) -> bool:
    both = (mine, theirs)
    if all(isinstance(value, float) for value in both):
        return bool(np.float64(mine).tobytes() == np.float64(theirs).tobytes() or (mine != mine and theirs != theirs))
    return bool(mine == theirs)


def _entry(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Name the first entry of a round's line that differs."""
    names: Sequence[str] = [*mine, *(name for name in theirs if name not in mine)]
    name = next(name for name in names if mine.get(name) != theirs.get(name))
    return f"{name} is {mine.get(name)!r} and {theirs.get(name)!r}"
