"""What hosts answer, and its form in a message: named arrays and plain values. ``reading`` checks them on arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metafed.aggregators.updates import ClientVectors
from metafed.core.parameters import Vector
from metafed.messages.predictions import Predictions, to_message
from metafed.messages.typed import LONGEST_TEXT
from metafed.messages.withheld import Withheld, to_values
from metafed.objectives import Contribution

if TYPE_CHECKING:
    from metafed.secure.input import Masked

ASKED = "objective."
"""What the names of values begin with that the objective asks hosts with."""
OWN_PEOPLE = "own-people"
"""A host's answer before the first round: whether its tables hold its own people only."""
DESCRIPTIONS = "descriptions"
"""Likewise: digests of its descriptions of tables, which must be the server's."""


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
        name: What the data call them; nobody has a name where it is empty.
        scores: Scores beside the headline ``(C, S)``, by name; NaN where undefined.
        predictions: What is predicted for their single rows, where a run keeps that.
    """

    client: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    oracle_score: np.ndarray
    sizes: np.ndarray
    group: Sequence[str]
    name: Sequence[str] = ()
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    predictions: Predictions | None = None


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
    asked: Sequence[int] = ()
    """The clients that the message named which it answers: the reader says so, not the sender."""


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
        if rows.name:
            values[f"rows{index}/name"] = [str(name)[:LONGEST_TEXT] for name in rows.name]
        if rows.scores:
            values[f"rows{index}/scores"] = list(rows.scores)
        if rows.predictions is not None:
            more, about = to_message(rows.predictions, f"rows{index}")
            arrays, values = arrays | more, values | about
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


def _table(rows: Rows) -> np.ndarray:
    """Lay the numbers of ``rows`` out as one array, a row a client: an array costs more than its numbers."""
    columns = (rows.client, rows.oracle_score, rows.sizes, rows.loss, rows.score, *rows.scores.values())
    return np.column_stack([np.asarray(column, np.float64) for column in columns])
