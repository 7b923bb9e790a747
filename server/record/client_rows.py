"""The rows of ``clients.parquet``: one a client and inner step, made of what hosts answered in a round."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from metafed.fairness.panel import VALIDATION
from metafed.federation.federation import Federation
from metafed.messages.packing import Rows

COLUMNS = {
    "phase": "String",
    "round": "Int32",
    "client": "Int64",
    "name": "String",
    "family": "String",
    "group": "String",
    "device": "String",
    "seen": "Boolean",
    "step": "Int16",
    "loss": "Float64",
    "score": "Float64",
    "oracle_score": "Float64",
    "n": "Int32",
    "support": "Int32",
    "query": "Int32",
}
"""The columns and their types, as Polars names them; scores beyond the headline follow."""


def table(phase: str, server_round: int, tables: Sequence[Rows], federation: Federation) -> "pl.DataFrame":
    """Return a tidy frame of the clients of ``tables``, a row a client and step; the client is the slow axis."""
    more = federation.experiment.score_names
    parts = [columns(phase, server_round, rows, federation) for rows in tables]
    found = {
        name: pl.Series(
            list(chain.from_iterable(part[name] for part in parts))
            if dtype == "String"
            else np.concatenate([part[name] for part in parts]),
            dtype=getattr(pl, dtype),
        )
        for name, dtype in (COLUMNS | dict.fromkeys(more, "Float64")).items()
    }
    # of a client that diverged, a score that is no number stays one
    undefined = found["score"].is_nan() & found["loss"].is_finite()
    if undefined.any():
        found["score"] = found["score"].set(undefined, None)
    for name in ("oracle_score", *more):
        found[name] = found[name].fill_nan(None)
    return pl.DataFrame(found)


def columns(phase: str, server_round: int, rows: Rows, federation: Federation) -> dict[str, Any]:
    """Return the columns of one table of rows, all of clients of one family."""
    count, steps = rows.loss.shape
    roster, clients = federation.roster, rows.client.tolist()
    validating = phase == "evaluate" and roster.experiment.validation

    def repeat(values: Sequence[Any]) -> list[Any]:
        return list(values) if steps == 1 else [value for value in values for _ in range(steps)]

    def each(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, steps)

    whole: dict[str, Any] = {
        "phase": repeat([VALIDATION if validating and roster.validates(c) else phase for c in clients]),
        "round": np.full(count * steps, server_round),
        "client": each(rows.client),
        "name": repeat([name or None for name in rows.name] if rows.name else [None] * count),
        "family": [roster.family(clients[0])] * (count * steps),
        "group": repeat(rows.group),
        "device": repeat([federation.device(c, group) for c, group in zip(clients, rows.group, strict=True)]),
        "seen": each(rows.client < roster.seen),
        "step": np.tile(rows.steps, count),
        "loss": rows.loss.ravel(),
        "score": rows.score.ravel(),
        "oracle_score": each(rows.oracle_score),
        "n": each(rows.sizes[:, 0]),
        "support": each(rows.sizes[:, 1]),
        "query": each(rows.sizes[:, 2]),
    }
    for name in federation.experiment.score_names:
        # of rows of training, and of families of another kind, there is none
        whole[name] = rows.scores.get(name, np.full((count, steps), np.nan)).ravel()
    return whole
