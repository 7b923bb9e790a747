"""What hosts answer, and its form in a message: named arrays and plain values, checked on arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from metafed.objectives import NOTHING, Contribution
from metafed.parameters import Layout, Vectors

LONGEST_TEXT = 300
"""Characters kept of a reason or a group's name."""


class Failure(NamedTuple):
    """A client that contributed nothing, and why."""

    client: int
    reason: str


@dataclass(frozen=True)
class Rows:
    """What is known of ``C`` clients after one message, client by client.

    Attributes:
        client: Ids ``(C,)``.
        steps: The inner steps that ``loss`` and ``score`` were taken after ``(S,)``.
        loss: Query loss ``(C, S)``.
        score: Query score ``(C, S)``.
        ceiling: Best possible score on the client's query set ``(C,)``; NaN where unknown.
        sizes: Rows owned, adapted on, judged on ``(C, 3)``.
        group: The clients' groups.
    """

    client: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    ceiling: np.ndarray
    sizes: np.ndarray
    group: Sequence[str]


class Answer(NamedTuple):
    """A host's answer: summed contribution (empty in evaluation), a row a client, and failures."""

    contribution: Contribution
    rows: Sequence[Rows]
    failures: Sequence[Failure]


class BadAnswer(ValueError):
    """An answer that cannot be used; the message says why."""


def pack(answer: Answer) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Turn an answer into arrays by name and plain values by name."""
    arrays = {f"sum/{part}": vector for part, vector in answer.contribution.directions.items()}
    values: dict[str, Any] = {f"weight/{part}": w for part, w in answer.contribution.weights.items()}
    for index, rows in enumerate(answer.rows):
        for field in ("client", "steps", "loss", "score", "ceiling", "sizes"):
            arrays[f"rows{index}/{field}"] = getattr(rows, field)
        values[f"rows{index}/group"] = [str(group)[:LONGEST_TEXT] for group in rows.group]
    values["tables"] = len(answer.rows)
    values["failed"] = [failure.client for failure in answer.failures]
    values["reasons"] = [failure.reason[:LONGEST_TEXT] for failure in answer.failures]
    return arrays, values


def unpack(arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], layout: Layout, asked: Sequence[int]) -> Answer:
    """Read an answer to a message that named the clients ``asked``.

    Raises:
        BadAnswer: A field is missing, has a wrong type or shape, is not finite where it must be, or
            speaks of a client that was not asked.
    """
    try:
        tables = [_rows(arrays, values, index) for index in range(min(int(values["tables"]), len(asked)))]
        failures = [
            Failure(int(client), str(reason)[:LONGEST_TEXT])
            for client, reason in zip(values["failed"], values["reasons"], strict=True)
        ]
        directions = {key.removeprefix("sum/"): arrays[key] for key in arrays if key.startswith("sum/")}
        weights = {part: float(values[f"weight/{part}"]) for part in directions}
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"unreadable answer: {type(error).__name__}: {error}") from None
    named = [int(client) for rows in tables for client in rows.client] + [f.client for f in failures]
    if len(set(named)) != len(named) or not set(named) <= set(asked):
        raise BadAnswer(f"speaks of clients that it was not asked for, or of one twice: {named[:8]}")
    check_vectors(directions, layout)
    if any(not (np.isfinite(w) and w >= 0) for w in weights.values()):
        raise BadAnswer(f"weights must be finite and at least 0, got {weights}")
    return Answer(Contribution(directions, weights) if directions else NOTHING, tables, failures)


def check_vectors(vectors: Vectors, layout: Layout) -> None:
    """Check that every vector is a finite, real ``(size,)`` of a part of the layout.

    Raises:
        BadAnswer: One is not.
    """
    for part, vector in vectors.items():
        if part not in layout.parts:
            raise BadAnswer(f"unknown part {part!r} (known: {', '.join(layout.parts)})")
        if vector.shape != (layout.size(part),):
            raise BadAnswer(f"part {part!r} has shape {vector.shape}, expected ({layout.size(part)},)")
        if vector.dtype not in (np.float32, np.float64):
            raise BadAnswer(f"part {part!r} has type {vector.dtype}, expected float32 or float64")
        if not np.isfinite(vector).all():
            raise BadAnswer(f"part {part!r} is not finite")


def _rows(arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], index: int) -> Rows:
    table = f"rows{index}"
    client = np.asarray(arrays[f"{table}/client"], np.int64)
    steps = np.asarray(arrays[f"{table}/steps"], np.int64)
    rows = Rows(
        client=client,
        steps=steps,
        loss=np.asarray(arrays[f"{table}/loss"], np.float64),
        score=np.asarray(arrays[f"{table}/score"], np.float64),
        ceiling=np.asarray(arrays[f"{table}/ceiling"], np.float64),
        sizes=np.asarray(arrays[f"{table}/sizes"], np.int64),
        group=[str(group)[:LONGEST_TEXT] for group in values[f"{table}/group"]],
    )
    count = len(client)
    expected = {
        "loss": (count, len(steps)),
        "score": (count, len(steps)),
        "ceiling": (count,),
        "sizes": (count, 3),
    }
    for field, shape in expected.items():
        if getattr(rows, field).shape != shape:
            raise ValueError(f"{table}/{field} has shape {getattr(rows, field).shape}, expected {shape}")
    if client.ndim != 1 or steps.ndim != 1 or len(rows.group) != count:
        raise ValueError(f"{table} does not have one id and one group a client")
    return rows
