"""``participation.parquet``: a row for every client that was asked or evaluated, and what the summary says of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metafed.core.source import DataError
from metafed.fairness.alarms import alarms
from metafed.fairness.participation import ledger, table
from metafed.federation.federation import Federation

if TYPE_CHECKING:
    import polars as pl

    from server.record.record import Record


def keep_devices(keep: "Record") -> None:
    """Write the clients' devices into the manifest, all numbers of them; nothing where there are none.

    Raises:
        DataError: The run that goes on had others.
    """
    fleet = keep.federation.fleet
    if fleet is None:
        return
    said, before = fleet.description.model_dump(mode="json", by_alias=True), keep.manifest.get("devices")
    if before not in (None, said):
        name = keep.federation.experiment.devices.tiers
        raise DataError(
            f"--devices.tiers {name}: has changed since the run began, whose devices are in its manifest.json"
        )
    keep.about(devices=said)


def keep_ledger(folder: Path, clients: "pl.DataFrame", federation: Federation) -> dict[str, Any]:
    """Write ``participation.parquet``, atomically, and return ``summary.json``'s ``participation`` and ``alarms``.

    Args:
        folder: The record; its ``rounds.jsonl`` is complete.
        clients: The rows of its ``clients.parquet``.
        federation: Whose clients they are.
    """
    with (folder / "rounds.jsonl").open(encoding="utf-8") as lines:
        people = ledger(map(json.loads, lines), clients, federation)
    draft = folder / "participation.parquet.draft"
    people.write_parquet(draft)
    draft.replace(folder / "participation.parquet")
    return {"participation": table(people), "alarms": alarms(people, federation.experiment.seed)}
