"""The evaluated clients of one round, a row a client: what summaries and reports are made from."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from metafed.core.digits import sound

if TYPE_CHECKING:
    import polars as pl

LEFT_OUT = ("diverged", "undefined", "incomplete")
"""The fields of a panel that mark clients without a place in means."""
WHOLE = "whole"
VALIDATION = "validation"
"""The phase of rows of clients that are held out to choose by; the others that are evaluated have ``evaluate``."""
EXPLODED = 100.0
"""The factor by which an inner loop multiplies the loss of a client that exploded; a loss below 1 counts as 1."""

Column = np.ndarray[tuple[int], np.dtype[Any]]


@dataclass(frozen=True)
class Panel:
    """Clients with their scores after each inner step.

    A client is *diverged* if a score or a loss of its is not finite, or beyond ``LARGEST``, at any step (an accuracy
    stays finite where the loss does not, and means nothing there), *undefined* if its losses are finite but its rows
    have no score, and *incomplete* if it lacks one of the steps that others of its family have. None of the three has
    a place in a mean; all are counted. A client *exploded* if adaptation multiplied its loss by ``EXPLODED`` or more:
    it was harmed, and counts as harmed.

    Attributes:
        client: Ids ``(C,)``.
        family: Names ``(C,)``.
        group: Names ``(C,)``.
        device: Names ``(C,)``.
        seen: Whether the client took part in meta-training ``(C,)``.
        n: Rows that the client owns ``(C,)``.
        query: Rows that it is evaluated on ``(C,)``.
        oracle_score: Best possible score on these rows ``(C,)``, NaN where unknown.
        scores: ``(C, K + 1)``; where a family takes fewer steps, its last score is carried on.
        loss: Query loss after the last step ``(C,)``, in the unit of the client's family.
        diverged: ``(C,)``.
        undefined: ``(C,)``, false where diverged.
        incomplete: ``(C,)``, false where diverged or undefined.
        exploded: ``(C,)``, false where one of the others is true.
    """

    client: Column
    family: Column
    group: Column
    device: Column
    seen: Column
    n: Column
    query: Column
    oracle_score: Column
    scores: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    loss: Column
    diverged: Column
    undefined: Column
    incomplete: Column
    exploded: Column

    def __len__(self) -> int:
        return len(self.client)

    def where(self, mask: Column) -> Self:
        """Return the clients that ``mask (C,)`` marks."""
        return type(self)(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})

    @property
    def usable(self) -> Self:
        """The clients that are in means."""
        return self.where(self.state == WHOLE)

    @property
    def state(self) -> Column:
        """What of ``LEFT_OUT`` each client is, or ``WHOLE``, ``(C,)``."""
        conditions = [getattr(self, name) for name in LEFT_OUT]
        return np.select(conditions, LEFT_OUT, WHOLE)


def last_evaluation(clients: "pl.DataFrame", phase: str = "evaluate") -> tuple[int | None, Panel]:
    """Return the last evaluated round and its clients by id; None and nobody if there is none.

    Args:
        clients: The rows of ``clients.parquet``.
        phase: ``evaluate``, or ``VALIDATION`` for the clients to choose by.

    Raises:
        ValueError: A client has two rows for one step.
    """
    rows = clients.filter(clients["phase"] == phase)
    number = None
    if rows.height:
        number = int(rows["round"].to_numpy().max())
        rows = rows.filter(rows["round"] == number)
    return number, panel(rows)


def panel(rows: "pl.DataFrame") -> Panel:
    """Make a panel of the rows of one evaluation, a row a client and step."""
    column = {name: rows[name].to_numpy() for name in rows.columns}
    client, first, row = np.unique(column["client"], return_index=True, return_inverse=True)
    step = column["step"].astype(np.int64)
    shape = (len(client), int(step.max()) + 1 if len(step) else 1)
    scores, losses, times = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, np.int64)
    scores[row, step] = column["score"].astype(np.float64)
    losses[row, step] = column["loss"].astype(np.float64)
    np.add.at(times, (row, step), 1)
    if (times > 1).any():
        who, when = np.argwhere(times > 1)[0]
        raise ValueError(f"client {client[who]} has {times[who, when]} evaluation rows for step {when}")
    diverged, undefined = np.zeros(len(client), bool), np.zeros(len(client), bool)
    # the record has no score, null, where rows have none; NaN is what became of one
    none = rows["score"].is_null().to_numpy()
    np.logical_or.at(diverged, row, ~(sound(column["loss"]) & (none | sound(column["score"]))))
    np.logical_or.at(undefined, row, none)
    incomplete = np.zeros(len(client), bool)
    family = column["family"][first]
    for name in np.unique(family.astype(str)):
        own = family == name
        last = int(np.flatnonzero(times[own].any(axis=0))[-1])
        incomplete[own] = (times[own, : last + 1] == 0).any(axis=1)
        for values in (scores, losses):
            values[own, last + 1 :] = values[own, last, None]
    return Panel(
        client=client,
        family=family,
        group=column["group"][first],
        device=column["device"][first],
        seen=column["seen"][first].astype(bool),
        n=column["n"][first],
        query=column["query"][first],
        oracle_score=column["oracle_score"][first].astype(np.float64),
        scores=scores,
        loss=losses[:, -1],
        diverged=diverged,
        undefined=undefined & ~diverged,
        incomplete=incomplete & ~diverged & ~undefined,
        exploded=(grown(losses) | grown(1 - scores)) & ~diverged & ~undefined & ~incomplete,
    )


def grown(values: np.ndarray) -> Column:
    """Say whose values, from step 0 on ``(C, K + 1)``, grew so much that they exploded ``(C,)``.

    Losses are of about unit size, and so is 1 − skill, which is a loss in units of the client's own targets.
    """
    return np.asarray((values >= EXPLODED * np.maximum(values[:, :1], 1)).any(axis=1))
