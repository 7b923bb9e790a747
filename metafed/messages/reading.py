"""What a host answers, read: typed, bounded and finite before anything else sees it.

A host that lies costs its own contribution: whatever it sends becomes an ``Answer`` or one ``BadAnswer``.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from metafed.aggregators.updates import ClientVectors
from metafed.core.digits import LARGEST
from metafed.core.parameters import Layout, Vectors
from metafed.messages.packing import Answer, Failure, Halved, Rows
from metafed.messages.predictions import from_message
from metafed.messages.typed import (
    LONGEST_TEXT,
    MOST_ROWS,
    BadAnswer,
    Count,
    Message,
    Number,
    Step,
    Text,
    parsed,
)
from metafed.messages.withheld import from_values
from metafed.objectives import NOTHING, Contribution
from metafed.secure.input import Masked, size_of


class Head(Message):
    """What every answer says."""

    tables: Count
    updates: Count = 0
    failed: list[Count]
    reasons: list[Text]
    halved: list[Text]
    tried: list[Count]
    fitted: list[Count]
    masked: list[Count] = Field(default_factory=list)


class Table(Message):
    """What an answer says of a table of rows: after which inner steps, the clients' groups, names and more scores."""

    steps: list[Step] = Field(min_length=1)
    group: list[Text]
    name: list[Text] = Field(default_factory=list)
    scores: list[Text] = Field(default_factory=list)


class Sums(Message):
    """Plain numbers of the sum."""

    weight: dict[str, Annotated[Number, Field(ge=0)]]
    scale: dict[str, Number]
    total: dict[str, Number]


def unpack(
    arrays: Mapping[str, np.ndarray],
    values: Mapping[str, Any],
    layout: Layout,
    asked: Sequence[int],
    parts: Collection[str] | None = None,
) -> Answer:
    """Read an answer to a message that named the clients ``asked``.

    Args:
        arrays: Its arrays by name.
        values: Its plain values by name.
        layout: Where θ's parameters lie.
        asked: The clients.
        parts: The parts of θ that they hold; None: all.

    Raises:
        BadAnswer: A field is missing, has a wrong type or shape, is not finite where it must be, or
            speaks of a client that was not asked, or of a part that none of them holds.
    """
    head = parsed(Head, values)
    tables = [_rows(arrays, values, index) for index in range(min(head.tables, len(asked)))]
    if len(head.failed) != len(head.reasons) or not len(head.halved) == len(head.tried) == len(head.fitted):
        raise BadAnswer("lists of different lengths: failed and reasons, or halved, tried and fitted")
    failures = [Failure(*pair) for pair in zip(head.failed, head.reasons, strict=True)]
    halved = [Halved(*each) for each in zip(head.halved, head.tried, head.fitted, strict=True)]
    recorded = [int(client) for rows in tables for client in rows.client]
    named = [*recorded, *head.failed]
    if len(set(named)) != len(named) or not set(named) <= set(asked):
        raise BadAnswer(f"speaks of clients that it was not asked for, or of one twice: {named[:8]}")
    if len(halved) > len(asked) or any(not 1 <= h.fitted < h.tried <= len(asked) for h in halved):
        raise BadAnswer(f"speaks of chunks that it cannot have had: {halved[:8]}")
    kept = from_values(values, asked)
    contribution = _contribution(arrays, values, layout, parts)
    client_vectors = _client_vectors(arrays, values, layout, recorded, head.updates, parts)
    masked = _masked(arrays, head, layout, set(asked) - set(head.failed))
    return Answer(contribution, tables, failures, halved, client_vectors, kept, masked=masked, asked=tuple(asked))


def check_vectors(vectors: Vectors, layout: Layout, parts: Collection[str] | None = None) -> None:
    """Check that every vector is a finite, real ``(size,)`` of a part; its key is ``part`` or ``part/group``.

    Raises:
        BadAnswer: One is not, or its part is not among ``parts``.
    """
    for key, vector in vectors.items():
        part = key.partition("/")[0]
        if part not in layout.parts:
            raise BadAnswer(f"unknown part {part!r} (known: {', '.join(layout.parts)})")
        if parts is not None and part not in parts:
            raise BadAnswer(f"part {part!r} is of other clients; those that were asked hold {', '.join(parts)}")
        if vector.shape != (layout.size(part),):
            raise BadAnswer(f"part {part!r} has shape {vector.shape}, expected ({layout.size(part)},)")
        if vector.dtype not in (np.float32, np.float64):
            raise BadAnswer(f"part {part!r} has type {vector.dtype}, expected float32 or float64")
        if not np.isfinite(vector).all() or (vector.dtype == np.float64 and (np.abs(vector) > LARGEST).any()):
            raise BadAnswer(f"part {part!r} is not finite, or beyond {LARGEST:g}")


def _contribution(
    arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], layout: Layout, parts: Collection[str] | None
) -> Contribution:
    directions = {key.removeprefix("sum/"): arrays[key] for key in arrays if key.startswith("sum/")}
    if not directions:
        return NOTHING
    check_vectors(directions, layout, parts)
    plain = {
        kind: {key.removeprefix(f"{kind}/"): value for key, value in values.items() if str(key).startswith(f"{kind}/")}
        for kind in Sums.model_fields
    }
    sums = parsed(Sums, plain)
    if missing := set(directions) - set(sums.weight):
        raise BadAnswer(f"parts without a weight: {', '.join(sorted(missing))[:LONGEST_TEXT]}")
    weights = {part: sums.weight[part] for part in directions}
    scales = {part: sums.scale[part] for part in directions if part in sums.scale}
    return Contribution(directions, weights, scales, dict(sums.total))


def _masked(arrays: Mapping[str, np.ndarray], head: Head, layout: Layout, able: Collection[int]) -> Masked | None:
    """Read the sum of masked inputs of some of the clients that were asked and did not fail; None where there is none.

    Raises:
        BadAnswer: It has another form, or is of others.
    """
    if "masked" not in arrays:
        return None
    vector, clients = arrays["masked"], head.masked
    if not clients or len(set(clients)) != len(clients) or not set(clients) <= set(able):
        raise BadAnswer(f"has masked inputs of clients that it was not asked for: {str(clients)[:80]}")
    if vector.dtype != np.uint64 or vector.shape != (size_of(layout),):
        raise BadAnswer(f"a masked input is {vector.dtype} {vector.shape}, expected uint64 ({size_of(layout)},)")
    return Masked(clients, vector)


class _Clients(Message):
    clients: list[Count]


def _client_vectors(
    arrays: Mapping[str, np.ndarray],
    values: Mapping[str, Any],
    layout: Layout,
    recorded: Sequence[int],
    count: int,
    parts: Collection[str] | None,
) -> list[ClientVectors]:
    """Read the updates of clients that the answer has rows of, each at most once; none where there are none.

    Raises:
        BadAnswer: An update has another form, is not finite, or is of another client.
    """
    found: list[ClientVectors] = []
    for index in range(min(count, len(recorded))):
        prefix = f"updates{index}/"
        clients = parsed(_Clients, {"clients": values.get(f"{prefix}clients")}).clients
        vectors = {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
        for part, rows in vectors.items():
            if rows.ndim != 2 or len(rows) != len(clients):
                raise BadAnswer(f"updates of part {part!r} have shape {rows.shape}, not ({len(clients)}, size)")
            for vector in rows:
                check_vectors({part: vector}, layout, parts)
        found.append(ClientVectors(clients, {part: np.asarray(rows, np.float64) for part, rows in vectors.items()}))
    named = [client for single in found for client in single.clients]
    if len(set(named)) != len(named) or not set(named) <= set(recorded):
        raise BadAnswer(f"has updates of clients that it has no row of, or of one twice: {named[:8]}")
    return found


def _rows(arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], index: int) -> Rows:
    name = f"rows{index}"
    if name not in arrays:
        raise BadAnswer(f"unreadable answer: {name} is missing")
    table = arrays[name]
    about = {key: values.get(f"{name}/{key}") for key in Table.model_fields}
    head = parsed(
        Table, {key: value for key, value in about.items() if value is not None or key not in ("name", "scores")}
    )
    steps = np.array(head.steps, np.int64)
    width = 5 + (2 + len(head.scores)) * len(steps)
    if (np.diff(steps) <= 0).any():
        raise BadAnswer(f"{name} has inner steps that do not rise: {head.steps[:8]}")
    if table.dtype != np.float64 or table.shape != (len(head.group), width):
        raise BadAnswer(f"{name} is {table.dtype} {table.shape}, expected float64 {(len(head.group), width)}")
    if head.name and len(head.name) != len(head.group):
        raise BadAnswer(f"{name} has {len(head.name)} names of {len(head.group)} clients")
    if len(set(head.scores)) < len(head.scores):
        raise BadAnswer(f"{name} has a score twice: {str(head.scores)[:LONGEST_TEXT]}")
    whole = table[:, [0, 2, 3, 4]]
    if not (np.isfinite(whole).all() and (whole == np.trunc(whole)).all()):
        raise BadAnswer(f"{name} has ids or sizes that are no whole numbers")
    if (whole < 0).any() or (whole[:, 0] > 2**53).any() or (whole[:, 1:] > MOST_ROWS).any():
        raise BadAnswer(f"{name} has ids below 0 or beyond 2^53, or sizes below 0 or beyond {MOST_ROWS}")
    numbers = np.where(np.abs(table) > LARGEST, np.inf, table)
    loss, score, *more = np.split(numbers[:, 5:], 2 + len(head.scores), axis=1)
    return Rows(
        client=table[:, 0].astype(np.int64),
        steps=steps,
        loss=loss,
        score=score,
        oracle_score=numbers[:, 1],
        sizes=table[:, 2:5].astype(np.int64),
        group=head.group,
        name=head.name,
        scores=dict(zip(head.scores, more, strict=True)),
        predictions=from_message(arrays, values, name, int(whole[:, 3].sum())),
    )
