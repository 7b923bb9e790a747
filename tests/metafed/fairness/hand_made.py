"""A run's folder made by hand: its numbers are known, and its groups, reasons and notes are hostile."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from metafed.fairness.rows import by_attribute
from metafed.fairness.summary import summarize
from server.record.tables import sha256_of
from tests.metafed.fairness.frames import client, frame

HOSTILE = "<script>alert(1)</script>"
KINDS = {"assistant": "classification", "avatar": "regression"}


def line(number: int, **values: Any) -> dict[str, Any]:
    """Return a line of ``rounds.jsonl``."""
    families = {"assistant": {"loss": 1 / number, "score": 0.5}} if number else {}
    return {
        "round": number, "seconds": 0.1, "clients": 4, "failed": [], "loss": 0.5, "score": 0.5, "worst10": 0.1,
        "bytes_up": 1_000_000, "bytes_down": 2_000_000, "virtual_seconds": None, "families": families, **values,
    }  # fmt: skip


def predictions(hostile: str) -> pl.DataFrame:
    """Return predictions of four clients for rows with a strange attribute, of which one value is rare."""
    frames = []
    for number, family, adapted in product(range(4), ("assistant", "avatar"), (False, True)):
        rows = 40 + number
        right = np.arange(rows) % (7 if adapted else 3) > 0
        target = np.arange(rows) // 2 % 2
        frames.append(
            pl.DataFrame(
                {
                    "round": [4] * rows,
                    "client": [8 + number] * rows,
                    "name": [None] * rows,
                    "family": [family] * rows,
                    "part": ["unseen"] * rows,
                    "adapted": [adapted] * rows,
                    "target": target,
                    "prediction": np.where(right, target, 1 - target),
                    "probabilities": [[0.5, 0.5]] * rows,
                    f"attribute.{hostile}": [(hostile, "m", "m")[row % 3] for row in range(rows)],
                },
                schema_overrides={"name": pl.String},
            )
        )
    return pl.concat(frames)


def make(folder: Path, hostile: str = HOSTILE) -> Path:
    """Write a finished run in which strange, harmed and diverged clients occur."""
    folder.mkdir()
    rows = frame(
        *(client(i, [0.2, 0.3 + 0.02 * i], seen=i < 8, group="ab"[i % 2], n=20 * (i + 1)) for i in range(12)),
        client(12, [0.5, 0.25], seen=False, group=hostile, query=500),
        client(13, [-9.0, 0.125], seen=False, family="avatar"),
        client(14, [0.1, float("nan")], seen=False, family="avatar"),
    )
    rows.write_parquet(folder / "clients.parquet")
    between = by_attribute(predictions(hostile), 0)[0]
    (folder / "summary.json").write_text(json.dumps(summarize(rows, 0, KINDS) | {"attributes": between}))
    failed = [{"client": 3, "reason": f"late {hostile}"}]
    lines = [line(0), *(line(i) for i in range(1, 4)), line(4, failed=failed)]
    (folder / "rounds.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    (folder / "config.toml").write_text("clients = 15\nrounds = 4\n")
    manifest = {
        "argv": ["/somewhere/simulation/run.py", "--clients", "15"],
        "experiment": {"clients": 15, "rounds": 4, "algorithm": {"name": "maml"}}, "seed": 7,
        "engine": {"engine": "local", "workers": None}, "machine": {"cpus": 2}, "versions": {"torch": "2.13.0"},
        "git": {"commit": None, "dirty": None, "diff_sha256": None},
        "data": {
            "assistant:generated": {
                "files": {}, "notes": [hostile],
                "label_rows": {"labels": ["a", hostile], "clients": 3, "rows": {"0": [7, 0], "1": [2, 5]}},
            }
        },
        "start": "2026-11-22T10:00:00+00:00", "end": "2026-11-22T10:01:00+00:00", "exit_reason": "done",
        "theta_sha256": "feedbeef",
    }  # fmt: skip
    manifest["clients_sha256"] = sha256_of(folder / "clients.parquet")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
