"""``participation.parquet``: a row for every client that was asked or evaluated, and what the summary says of it."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from metafed.fairness.alarms import alarms
from metafed.fairness.participation import ledger, table
from metafed.federation.federation import Federation
from server.files import draft


def keep_ledger(folder: Path, clients: "pl.DataFrame", federation: Federation) -> dict[str, Any]:
    """Write ``participation.parquet``, atomically, and return ``summary.json``'s ``participation`` and ``alarms``.

    Args:
        folder: The record; a last line of its ``rounds.jsonl`` that was cut short does not count.
        clients: The rows of its ``clients.parquet``.
        federation: Whose clients they are.
    """
    with (folder / "rounds.jsonl").open(encoding="utf-8") as lines:
        people = ledger((json.loads(line) for line in lines if line.endswith("\n")), clients, federation)
    with draft(folder / "participation.parquet") as beside:
        people.write_parquet(beside)
    kinds = ((choice.family.name, choice.kind) for choice in federation.choices)
    bounded = [name for name, kind in kinds if kind == "classification"]
    return {"participation": table(people, bounded), "alarms": alarms(people, federation.experiment.seed)}
