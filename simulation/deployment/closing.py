"""Closing a record whose writer is gone: the rows it put on disk are joined, summarized, and its end is noted.

Flower gives a ServerApp that is stopped five seconds, and one whose SuperLink dies none.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from metafed.experiment.settings import Experiment
from metafed.federation.federation import federation_of
from server.files import write_json
from server.record.record import give_back, hashes_of, now, summarize_record, theta_sha256
from server.record.tables import CLIENTS, join, round_of


def manifest(record: Path) -> dict[str, Any]:
    """Return the record's manifest; empty where there is none."""
    try:
        return dict(json.loads((record / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def amend(record: Path, changes: Mapping[str, Any]) -> None:
    """Change entries of the record's manifest, atomically; without a manifest nothing is done."""
    about = manifest(record)
    if about:
        write_json(record / "manifest.json", {**about, **changes})


def finished_rounds(record: Path) -> list[dict[str, Any]]:
    """Return the whole lines of ``rounds.jsonl``."""
    path = record / "rounds.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def close(record: Path, reason: str) -> None:
    """Close the record of a run that ended for ``reason``, which its writer could not know or say."""
    about = manifest(record)
    if not about:
        return
    if not about.get("end"):
        # a part that its writer did not finish has no line in rounds.jsonl
        finished = {line["round"] for line in finished_rounds(record)}
        join(record, parts=[part for part in CLIENTS.of(record) if round_of(part) in finished])
        summarize_record(record, federation_of(Experiment.model_validate(about["experiment"])))
        amend(record, hashes_of(record))
    checkpoints = sorted((record / "checkpoints").glob("*.safetensors"))
    give_back(record)
    digest = about.get("theta_sha256")
    if digest is None and checkpoints:
        digest = theta_sha256(load_file(checkpoints[-1]))
    amend(record, {"exit_reason": reason, "end": about.get("end") or now(), "theta_sha256": digest})
