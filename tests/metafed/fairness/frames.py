"""Clients' rows made by hand, in the schema of ``clients.parquet``."""

from collections.abc import Sequence
from typing import Any

import polars as pl

SCHEMA = {
    "phase": pl.String, "round": pl.Int32, "client": pl.Int64, "family": pl.String, "group": pl.String,
    "device": pl.String, "seen": pl.Boolean, "step": pl.Int16, "loss": pl.Float64, "score": pl.Float64,
    "oracle_score": pl.Float64, "n": pl.Int32, "support": pl.Int32, "query": pl.Int32,
}  # fmt: skip


def client(number: int, scores: Sequence[float], **values: Any) -> list[dict[str, Any]]:
    """Return one client's rows: a score a step, from step 0."""
    row = {
        "phase": "evaluate", "round": 4, "client": number, "family": "assistant", "group": "a", "device": "vr",
        "seen": True, "loss": 1.0, "oracle_score": 1.0, "n": 100, "support": 5, "query": 20, **values,
    }  # fmt: skip
    return [{**row, "step": step, "score": score} for step, score in enumerate(scores)]


def frame(*clients: list[dict[str, Any]]) -> pl.DataFrame:
    """Join clients' rows."""
    return pl.DataFrame([row for rows in clients for row in rows], schema=SCHEMA)
