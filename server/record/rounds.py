"""A finished round, and the line that it leaves in ``rounds.jsonl``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from metafed.core.digits import sound
from metafed.fairness.metrics import worst10
from metafed.fairness.panel import VALIDATION
from metafed.federation.roster import Roster
from metafed.messages.packing import Failure, Halved, Rows

WALL_TIMES = ("seconds",)
"""Entries of a line that differ from run to run; all others are the same bits for the same experiment."""


class Round(NamedTuple):
    """What a round left behind, client by client.

    Attributes:
        number: The round; 0 stands for the evaluation before the first.
        training: Rows of the cohort.
        failures: Who contributed nothing, and why.
        bytes_up: Bytes of updates, each client counted as a device of its own.
        bytes_down: Bytes of θ's parts, likewise.
        evaluation: Rows of the evaluated clients; empty where the round has no evaluation.
        seconds: Wall time.
        halved: Chunks that did not fit in memory and were cut smaller.
        notes: Further entries of the line: parts without enough updates, what privacy has cost.
    """

    number: int
    training: Sequence[Rows]
    failures: Sequence[Failure]
    bytes_up: int
    bytes_down: int
    evaluation: Sequence[Rows] = ()
    seconds: float = 0.0
    halved: Sequence[Halved] = ()
    notes: Mapping[str, Any] = MappingProxyType({})


def line(finished: Round, roster: Roster) -> dict[str, Any]:
    """Return the line of ``rounds.jsonl``: means over clients; what each client did is in ``clients.parquet``.

    ``loss``, ``score`` and ``worst10`` are of the cohort after adaptation, on training draws. ``validation`` is the
    mean score of the validation clients after adaptation, where there are any.
    """
    training = by_family(finished.training, roster)
    losses = [value for rows in training.values() for r in rows for value in r.loss[:, -1]]
    scores = [value for rows in training.values() for r in rows for value in r.score[:, -1]]
    entry: dict[str, Any] = {
        "round": finished.number,
        "seconds": round(finished.seconds, 4),
        "clients": len(losses),
        "failed": [failure._asdict() for failure in finished.failures],
        "halved": smallest(finished.halved),
        "loss": mean(losses),
        "score": mean(scores),
        "worst10": worst_tenth(scores),
        "bytes_up": finished.bytes_up,
        "bytes_down": finished.bytes_down,
        "virtual_seconds": None,
        "families": {
            family: {
                "loss": mean([v for r in rows for v in r.loss[:, -1]]),
                "score": mean([v for r in rows for v in r.score[:, -1]]),
            }
            for family, rows in training.items()
        },
    }
    entry |= finished.notes
    if finished.evaluation:
        entry["evaluation"] = {
            kind: {
                family: {
                    "before": mean([v for r in rows for v in r.score[chosen(r), 0]]),
                    "after": mean([v for r in rows for v in r.score[chosen(r), -1]]),
                }
                for family, rows in by_family(finished.evaluation, roster).items()
                if any(chosen(r).any() for r in rows)
            }
            for kind, chosen in kinds(roster).items()
        }
        if roster.experiment.validation:
            scores = [v for rows in finished.evaluation for v in rows.score[validating(roster, rows), -1]]
            entry[VALIDATION] = mean(scores)
    return entry


def smallest(halved: Iterable[Halved]) -> list[dict[str, Any]]:
    """Return an entry a family: the largest chunk that did not fit in memory, and what was smallest of what did."""
    found: dict[str, tuple[int, int]] = {}
    for family, tried, fitted in halved:
        most, least = found.get(family, (tried, fitted))
        found[family] = (max(most, tried), min(least, fitted))
    return [{"family": family, "from": most, "to": least} for family, (most, least) in found.items()]


def kinds(roster: Roster) -> dict[str, Callable[[Rows], np.ndarray]]:
    """Return the masks of seen, unseen and validation clients' rows."""
    return {
        "seen": lambda rows: rows.client < roster.seen,
        "unseen": lambda rows: rows.client >= roster.tested,
        **({VALIDATION: partial(validating, roster)} if roster.experiment.validation else {}),
    }


def validating(roster: Roster, rows: Rows) -> np.ndarray:
    """Return the mask of the validation clients' rows."""
    return np.array([roster.validates(int(client)) for client in rows.client], bool)


def by_family(tables: Iterable[Rows], roster: Roster) -> dict[str, list[Rows]]:
    """Group tables by family; every table holds clients of one family."""
    grouped: dict[str, list[Rows]] = {}
    for rows in tables:
        if len(rows.client):
            grouped.setdefault(roster.family(int(rows.client[0])), []).append(rows)
    return grouped


def mean(values: Sequence[float]) -> float | None:
    """Mean over the sound values; None where there is none."""
    finite = np.asarray(values, np.float64)[sound(values)]
    return float(np.mean(finite)) if len(finite) else None


def worst_tenth(values: Sequence[float]) -> float | None:
    """``fairness.worst10`` of the sound values; None where there is none."""
    return worst10(np.asarray(values, np.float64)[sound(values)])
