"""What hosts answer, and its form in a message: named arrays and plain values, checked on arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metafed.aggregators.updates import ClientVectors
from metafed.core.parameters import Layout, Vector, Vectors
from metafed.messages.withheld import Withheld, from_values, to_values
from metafed.objectives import NOTHING, Contribution

if TYPE_CHECKING:
    from metafed.secure.input import Masked

ASKED = "objective."
"""What the names of values begin with that the objective asks hosts with."""
OWN_PEOPLE = "own-people"
"""A host's answer before the first round: whether its tables hold its own people only."""
DESCRIPTIONS = "descriptions"
"""Likewise: digests of its descriptions of tables, which must be the server's."""
LONGEST_TEXT = 300
"""Characters kept of a reason or a group's name."""


class Failure(NamedTuple):
    """A client that contributed nothing, and why."""

    client: int
    reason: str


class Halved(NamedTuple):
    """A chunk of ``tried`` clients of a family did not fit in memory; at most ``fitted`` of them at a time did."""

    family: str
    tried: int
    fitted: int


@dataclass(frozen=True)
class Rows:
    """What is known of ``C`` clients after one message, client by client.

    Attributes:
        client: Ids ``(C,)``.
        steps: The inner steps that ``loss`` and ``score`` were taken after ``(S,)``.
        loss: Query loss ``(C, S)``.
        score: Query score ``(C, S)``.
        oracle_score: Best possible score on the client's query set ``(C,)``; NaN where unknown.
        sizes: Rows owned, adapted on, evaluated on ``(C, 3)``.
        group: The clients' groups.
    """

    client: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    oracle_score: np.ndarray
    sizes: np.ndarray
    group: Sequence[str]


class Answer(NamedTuple):
    """A host's answer: the sum (empty in evaluation), a row a client, failures, chunks too large, client updates."""

    contribution: Contribution
    rows: Sequence[Rows]
    failures: Sequence[Failure]
    halved: Sequence[Halved] = ()
    client_vectors: Sequence[ClientVectors] = ()
    withheld: Withheld | None = None
    own: Mapping[int, Vector] = MappingProxyType({})
    """Each client's own vector, on its way to be masked on the host; it never travels."""
    masked: "Masked | None" = None


class BadAnswer(ValueError):
    """An answer that cannot be used; the message says why."""


def pack(answer: Answer) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Turn an answer into arrays by name and plain values by name."""
    arrays: dict[str, np.ndarray] = {f"sum/{part}": vector for part, vector in answer.contribution.directions.items()}
    values: dict[str, Any] = {f"weight/{part}": w for part, w in answer.contribution.weights.items()}
    values |= {f"scale/{part}": scale for part, scale in answer.contribution.scales.items()}
    values |= {f"total/{name}": total for name, total in answer.contribution.sums.items()}
    for index, rows in enumerate(answer.rows):
        arrays[f"rows{index}"] = _table(rows)
        values[f"rows{index}/steps"] = [int(step) for step in rows.steps]
        values[f"rows{index}/group"] = [str(group)[:LONGEST_TEXT] for group in rows.group]
    for index, single in enumerate(answer.client_vectors):
        arrays |= {f"updates{index}/{part}": vectors for part, vectors in single.vectors.items()}
        values[f"updates{index}/clients"] = [int(client) for client in single.clients]
    values["updates"] = len(answer.client_vectors)
    values["tables"] = len(answer.rows)
    values["failed"] = [failure.client for failure in answer.failures]
    values["reasons"] = [failure.reason[:LONGEST_TEXT] for failure in answer.failures]
    values["halved"] = [halved.family for halved in answer.halved]
    values["tried"] = [halved.tried for halved in answer.halved]
    values["fitted"] = [halved.fitted for halved in answer.halved]
    if answer.masked is not None:
        arrays["masked"], values["masked"] = answer.masked.vector, [int(c) for c in answer.masked.clients]
    if answer.withheld is not None:
        values |= to_values(answer.withheld)
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
        halved = [
            Halved(str(family)[:LONGEST_TEXT], int(tried), int(fitted))
            for family, tried, fitted in zip(values["halved"], values["tried"], values["fitted"], strict=True)
        ]
        directions = {key.removeprefix("sum/"): arrays[key] for key in arrays if key.startswith("sum/")}
        weights = {part: float(values[f"weight/{part}"]) for part in directions}
        scales = {part: float(values[f"scale/{part}"]) for part in directions if f"scale/{part}" in values}
        sums = {key.removeprefix("total/"): float(values[key]) for key in values if key.startswith("total/")}
        kept = from_values(values, asked)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"unreadable answer: {type(error).__name__}: {error}") from None
    named = [int(client) for rows in tables for client in rows.client] + [f.client for f in failures]
    if len(set(named)) != len(named) or not set(named) <= set(asked):
        raise BadAnswer(f"speaks of clients that it was not asked for, or of one twice: {named[:8]}")
    check_vectors(directions, layout)
    if any(not (np.isfinite(w) and w >= 0) for w in weights.values()):
        raise BadAnswer(f"weights must be finite and at least 0, got {weights}")
    if not np.isfinite([*scales.values(), *sums.values()]).all():
        raise BadAnswer(f"scales and sums must be finite, got {scales} and {sums}")
    if len(halved) > len(asked) or any(not 1 <= h.fitted < h.tried <= len(asked) for h in halved):
        raise BadAnswer(f"speaks of chunks that it cannot have had: {halved[:8]}")
    contribution = Contribution(directions, weights, scales, sums) if directions else NOTHING
    client_vectors = read_client_vectors(
        arrays, values, layout, [int(client) for rows in tables for client in rows.client]
    )
    masked = read_masked(arrays, values, layout, asked)
    return Answer(contribution, tables, failures, halved, client_vectors, kept, masked=masked)


def read_masked(
    arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], layout: Layout, asked: Sequence[int]
) -> "Masked | None":
    """Read the sum of masked inputs of some of the clients that were asked; None where there is none.

    Raises:
        BadAnswer: It has another form, or is of others.
    """
    if "masked" not in arrays:
        return None
    from metafed.secure.input import Masked, size_of

    vector, clients = arrays["masked"], values.get("masked")
    whole = isinstance(clients, list) and bool(clients) and all(type(client) is int for client in clients)
    if not isinstance(clients, list) or not whole or not set(clients) <= set(asked):
        raise BadAnswer(f"has masked inputs of clients that it was not asked for: {str(clients)[:80]}")
    if len(set(clients)) != len(clients) or vector.dtype != np.uint64 or vector.shape != (size_of(layout),):
        raise BadAnswer(f"a masked input is {vector.dtype} {vector.shape}, expected uint64 ({size_of(layout)},)")
    return Masked([int(client) for client in clients], vector)


def read_client_vectors(
    arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], layout: Layout, recorded: Sequence[int]
) -> list[ClientVectors]:
    """Read the updates of clients that the answer has rows of, each at most once; none where there are none.

    Raises:
        BadAnswer: An update has another form, is not finite, or is of another client.
    """
    client_vectors: list[ClientVectors] = []
    try:
        for index in range(min(int(values.get("updates", 0)), len(recorded))):
            clients = [int(client) for client in values[f"updates{index}/clients"]]
            prefix = f"updates{index}/"
            vectors = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
            for part, rows in vectors.items():
                if rows.ndim != 2 or len(rows) != len(clients):
                    raise ValueError(f"updates of part {part!r} have shape {rows.shape}, not ({len(clients)}, size)")
                for vector in rows:
                    check_vectors({part: vector}, layout)
            client_vectors.append(
                ClientVectors(clients, {part: np.asarray(rows, np.float64) for part, rows in vectors.items()})
            )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer(f"unreadable client updates: {type(error).__name__}: {error}") from None
    named = [client for single in client_vectors for client in single.clients]
    if len(set(named)) != len(named) or not set(named) <= set(recorded):
        raise BadAnswer(f"has updates of clients that it has no row of, or of one twice: {named[:8]}")
    return client_vectors


def check_vectors(vectors: Vectors, layout: Layout) -> None:
    """Check that every vector is a finite, real ``(size,)`` of a part; its key is ``part`` or ``part/group``.

    Raises:
        BadAnswer: One is not.
    """
    for key, vector in vectors.items():
        part = key.partition("/")[0]
        if part not in layout.parts:
            raise BadAnswer(f"unknown part {part!r} (known: {', '.join(layout.parts)})")
        if vector.shape != (layout.size(part),):
            raise BadAnswer(f"part {part!r} has shape {vector.shape}, expected ({layout.size(part)},)")
        if vector.dtype not in (np.float32, np.float64):
            raise BadAnswer(f"part {part!r} has type {vector.dtype}, expected float32 or float64")
        if not np.isfinite(vector).all():
            raise BadAnswer(f"part {part!r} is not finite")


def _table(rows: Rows) -> np.ndarray:
    """Lay the numbers of ``rows`` out as one array, a row a client: an array costs more than its numbers."""
    columns = (rows.client, rows.oracle_score, rows.sizes, rows.loss, rows.score)
    return np.column_stack([np.asarray(column, np.float64) for column in columns])


def _rows(arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], index: int) -> Rows:
    name = f"rows{index}"
    table, group = arrays[name], [str(group)[:LONGEST_TEXT] for group in values[f"{name}/group"]]
    steps = np.array([int(step) for step in values[f"{name}/steps"]], np.int64)
    width = 5 + 2 * len(steps)
    if table.dtype != np.float64 or table.shape != (len(group), width):
        raise ValueError(f"{name} is {table.dtype} {table.shape}, expected float64 {(len(group), width)}")
    whole = table[:, [0, 2, 3, 4]]
    if not (np.isfinite(whole).all() and (np.abs(whole) <= 2**53).all() and (whole == np.trunc(whole)).all()):
        raise ValueError(f"{name} has ids or sizes that are no whole numbers")
    return Rows(
        client=table[:, 0].astype(np.int64),
        steps=steps,
        loss=table[:, 5 : 5 + len(steps)],
        score=table[:, 5 + len(steps) :],
        oracle_score=table[:, 1],
        sizes=table[:, 2:5].astype(np.int64),
        group=group,
    )
