"""Making again what a record derives from its rows, to see whether its files still say so."""

from pathlib import Path
from typing import Any

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.checkpoint import Damaged, read, there
from server.record.record import summarize_record, theta_sha256
from server.record.tables import PREDICTIONS
from simulation.analysis.references import FILE
from simulation.records.agreement import first_entry
from simulation.records.runs import parquet, read_object
from simulation.runs.references import ABOUT, summarize

SOURCES = ("clients.parquet", PREDICTIONS.file, "rounds.jsonl", "manifest.json", FILE, ABOUT)
"""What ``summary.json`` and the tables beside it are made of."""
TABLES = ("participation.parquet", "attributes.parquet")


def derived_difference(folder: Path, experiment: Experiment, scratch: Path) -> str | None:
    """Return how a derived file of a record differs from what its rows give; None where none does.

    Args:
        folder: The record; its rows are sound.
        experiment: What was computed.
        scratch: An empty folder to work in.

    Raises:
        BadInput: A file cannot be read at all.
    """
    for name in SOURCES:
        if (folder / name).is_file():
            (scratch / name).symlink_to((folder / name).resolve())
    summarize_record(scratch, Federation(experiment))
    summarize(scratch)
    for name in ("summary.json", *TABLES):
        there_now, made = (each / name for each in (folder, scratch))
        if there_now.exists() != made.exists():
            return f"{name}: is {'missing' if made.exists() else 'there, and its rows give none'}"
        if not made.exists():
            continue
        if name in TABLES:
            what = None if parquet(there_now).equals(parquet(made)) else "has other rows than the record gives"
        else:
            what = first_entry(read_object(there_now), read_object(made))
        if what is not None:
            return f"{name}: {what}"
    return None


def checkpoint_difference(folder: Path, about: dict[str, Any]) -> str | None:
    """Return why the newest checkpoint of a record that has ended is not what its manifest says; None where it is."""
    newest = there(folder / "checkpoints")[:1]
    if not newest:
        return f"checkpoints: there is none, and manifest.json has the hash of θ, {about['theta_sha256']}"
    try:
        found = theta_sha256(read(folder / "checkpoints", newest[0])[0].theta)
    except Damaged as error:
        return str(error)
    if found != about["theta_sha256"]:
        return f"checkpoints: θ of round {newest[0]} has the hash {found}, manifest.json has {about['theta_sha256']}"
    return None
