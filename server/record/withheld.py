"""What the record says of clients whose rows stay at their nodes: means with intervals, of sums over all such nodes."""

import math
from collections.abc import Sequence
from typing import Any

from metafed.fairness.intervals import CONFIDENCE
from metafed.messages.packing import Answer
from metafed.messages.withheld import Sums, Withheld
from server.record.rounds import Round

FEWEST = 100
"""Clients below which a mean has no interval: sums do not tell how skewed the numbers are."""


def by_group(answers: Sequence[Answer]) -> dict[str, dict[str, Any]]:
    """Return, by family and then seen or unseen, what nodes say of clients whose rows they keep; empty if none does.

    ``unspoken`` counts the clients of nodes that have too few of them to tell a sum.
    """
    found: dict[tuple[str, str], list[Sums]] = {}
    for answer in answers:
        for sums in answer.withheld.sums if answer.withheld else ():
            found.setdefault((sums.family, "seen" if sums.seen else "unseen"), []).append(sums)
    entry: dict[str, dict[str, Any]] = {}
    for (family, who), own in sorted(found.items()):
        entry.setdefault(family, {})[who] = _joined(own)
    return entry


def _joined(own: Sequence[Sums]) -> dict[str, Any]:
    nonempty = [sums for sums in own if sums.loss]
    count = sum(sums.clients for sums in nonempty)
    entry: dict[str, Any] = {
        "clients": count,
        "unspoken": sum(sums.clients for sums in own) - count,
        "not_finite": sum(sums.lost - sums.undefined for sums in own),
        "undefined": sum(sums.undefined for sums in own),
    }
    if count:
        entry["loss"] = sum(sums.loss[-1] for sums in nonempty) / count
        entry["after"] = sum(sums.score[-1] for sums in nonempty) / count
        if len(nonempty[0].score) > 1:  # in training there is one score, after adaptation
            entry["before"] = sum(sums.score[0] for sums in nonempty) / count
            entry["gain"] = interval(sum(s.gain[0] for s in nonempty), sum(s.gain[1] for s in nonempty), count)
            entry["harmed"] = sum(sums.harmed for sums in nonempty) / count
    return entry


def interval(total: float, squares: float, count: int) -> dict[str, float | None]:
    """Return the mean of ``count`` numbers with Student's t interval (95 %), of their sum and sum of squares."""
    from scipy.special import stdtrit

    mean = total / count
    if count < FEWEST:
        return {"value": mean, "low": None, "high": None}
    deviation = math.sqrt(max(squares - count * mean**2, 0.0) / (count - 1))
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * deviation / math.sqrt(count)
    return {"value": mean, "low": mean - half, "high": mean + half}


def training_notes(answers: Sequence[Answer], losses: Sequence[float], scores: Sequence[float]) -> dict[str, Any]:
    """Return the entries of a round's line where nodes withheld rows: means over all clients that can be had.

    Args:
        answers: The round's.
        losses: Losses of the clients whose rows came, after adaptation.
        scores: Their scores.
    """
    withheld = [answer.withheld for answer in answers if answer.withheld]
    if not withheld:
        return {}
    nonempty = [sums for each in withheld for sums in each.sums if sums.loss]
    count = sum(sums.clients for sums in nonempty)
    finite = [(a, b) for a, b in zip(losses, scores, strict=True) if math.isfinite(a) and math.isfinite(b)]
    total = count + len(finite)
    whole = [sum(pair[side] for pair in finite) for side in (0, 1)]
    whole[0] += sum(sums.loss[-1] for sums in nonempty)
    whole[1] += sum(sums.score[-1] for sums in nonempty)
    return {
        "clients": len(losses) + clients(withheld),
        "loss": whole[0] / total if total else None,
        "score": whole[1] / total if total else None,
        "worst10": None,  # of sums nobody is the worst
        "withheld": {"failed": sum(each.failed for each in withheld), "train": by_group(answers)},
    }


def evaluation_notes(answers: Sequence[Answer], finished: Round) -> dict[str, Any]:
    """Return the line's entry ``withheld`` with what nodes say of evaluated clients added, or nothing."""
    withheld = [answer.withheld for answer in answers if answer.withheld]
    if not withheld:
        return {}
    before = dict(finished.notes.get("withheld", {"failed": 0}))
    failed = before["failed"] + sum(each.failed for each in withheld)
    return {"withheld": {**before, "failed": failed, "evaluation": by_group(answers)}}


def clients(withheld: Sequence[Withheld]) -> int:
    """Return how many clients contributed of which there is no row."""
    return sum(sums.clients + sums.lost for each in withheld for sums in each.sums)
