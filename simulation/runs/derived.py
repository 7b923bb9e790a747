"""Making again what a record derives from its rows, to see whether its files still say so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.checkpoint import read, there
from server.record.record import summarize_record, theta_sha256
from server.record.resume import FORMAT, NotResumable, find
from server.record.tables import PREDICTIONS
from simulation.analysis.references import FILE
from simulation.records.agreement import first_entry
from simulation.records.runs import changed_since, parquet, read_object
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
    return next(iter(changed_since(folder, read_object(folder / "manifest.json"))), None)


def checkpoint_difference(folder: Path, about: dict[str, Any], experiment: Experiment, again: Path) -> str | None:
    """Return why the newest checkpoint of a record cannot be what was computed; None where it can.

    Args:
        folder: The record.
        about: Its manifest.
        experiment: What was computed.
        again: The record of the same rounds, computed again.
    """
    if about.get("format") != FORMAT:  # of before: nothing goes on from it
        return None
    try:
        found = find(folder, experiment)
    except NotResumable as error:
        return str(error)
    if found.passed_over:
        return f"checkpoints: {found.passed_over[0]}"
    if found.checkpoint is None:
        return f"checkpoints: there is none, and manifest.json has the hash of θ, {about['theta_sha256']}"
    own, number = found.checkpoint, found.checkpoint.round
    if (digest := theta_sha256(own.theta)) != about["theta_sha256"]:
        return f"checkpoints: θ of round {number} has the hash {digest}, manifest.json has {about['theta_sha256']}"
    if number not in there(again / "checkpoints"):
        return None
    made, _ = read(again / "checkpoints", number)
    for name, pair in {"moments": (own.moments, made.moments), "state": (own.extra, made.extra)}.items():
        if (what := first_entry(plain(pair[0]), plain(pair[1]))) is not None:
            return f"checkpoints: {name} of round {number}: {what}"
    return None


def plain(state: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a state whose arrays are lists, as JSON has them."""
    return {o: {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in s.items()} for o, s in state.items()}
