"""A run's folder made by hand: its numbers are known, and its groups, reasons and notes are hostile."""

import json
from pathlib import Path
from typing import Any

from metafed.fairness.summary import summarize
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
    (folder / "summary.json").write_text(json.dumps(summarize(rows, 0, KINDS)))
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
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
