"""Alarms: groups and devices that are worse off than others of the same families, beyond what chance explains.

What is compared is a client's score after adaptation, the rows that it owns, and the share of its invitations that it
finished. Values become ranks within strata (a family's seen, or unseen, clients), and a label's sum of centred ranks is
divided by its standard deviation under permutation within strata. The smallest of these over all labels is compared
with that of 4,999 permutations, so that each label's p-value is corrected for there being others (Westfall and Young
1993, "Resampling-Based Multiple Testing", min-P for one-sided sums); p-values are multiplied by the number of
comparisons besides (Bonferroni). An alarm is raised below 0.01: where nothing is planted, in one run of a hundred at
most.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metafed.core.digits import digits
from metafed.core.ranks import ranks as ranked
from metafed.core.streams import stream

if TYPE_CHECKING:
    import polars as pl

LEVEL = 0.01
PERMUTATIONS = 4999
BATCH = 2**21
"""Numbers that are permuted at a time."""
Floats = NDArray[np.float64]


class Question(NamedTuple):
    """What is compared, between clients of which groups or devices."""

    what: Literal["score", "rows", "finished"]
    by: Literal["group", "device"]


QUESTIONS = (
    Question("score", "group"),
    Question("rows", "group"),
    Question("finished", "group"),
    Question("score", "device"),
    Question("finished", "device"),
)


def alarms(people: "pl.DataFrame", seed: int) -> list[dict[str, Any]]:
    """Return the alarms, the surest first.

    Args:
        people: What ``metafed.fairness.participation.ledger`` returns.
        seed: The run's seed; permutations come from streams of their own.

    Returns:
        ``what`` and ``by`` of the question, the ``name`` of the group or device, ``clients`` of it, the mean (score,
        share finished) or median (rows) of ``theirs`` and that of ``others`` in the same strata, and ``p``, corrected.
    """
    import polars as pl

    found: list[dict[str, Any]] = []
    asked: list[tuple[Question, pl.DataFrame]] = []
    for question in QUESTIONS:
        rows = _values(people, question).drop_nulls([question.by, "value"])
        if rows[question.by].n_unique() > 1 and rows["value"].n_unique() > 1:
            asked.append((question, rows))
    for question, rows in asked:
        values, labels = rows["value"].to_numpy().astype(np.float64), rows[question.by].to_list()
        strata = [f"{family}/{seen}" for family, seen in zip(rows["family"], rows["seen"], strict=True)]
        chances = worse_off(values, labels, strata, stream(seed, f"alarms/{question.what}/{question.by}"))
        for name, chance in chances.items():
            corrected = min(1.0, chance * len(asked))
            if corrected < LEVEL:
                found.append(_entry(question, name, corrected, rows))
    return sorted(found, key=lambda entry: (entry["p"], entry["what"], entry["name"]))


def worse_off(
    values: Floats, labels: Sequence[str], strata: Sequence[str], rng: np.random.Generator
) -> dict[str, float]:
    """Return each label's p-value of having lower values than others in the same strata, corrected for all labels.

    A label that no others of its strata can be compared with has none.

    Args:
        values: One value a client ``(n,)``, finite.
        labels: Each client's group or device.
        strata: Within which labels are exchangeable.
        rng: Where the permutations come from.
    """
    names, member = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    member_of = (member[:, None] == np.arange(len(names))).astype(np.float64)
    ranks, spread, layers = np.zeros(len(values)), np.zeros(len(names)), []
    for layer in sorted(set(strata)):
        own = np.flatnonzero(np.asarray(strata, dtype=str) == layer)
        layers.append(own)
        ranks[own] = (ranked(values[own]) - (len(own) + 1) / 2) / len(own)
        if len(own) > 1:
            inside = member_of[own].sum(0)
            spread += inside * (len(own) - inside) / (len(own) * (len(own) - 1)) * (ranks[own] @ ranks[own])
    comparable = spread > 1e-12
    if not comparable.any():
        return {}
    weight = member_of[:, comparable] / np.sqrt(spread[comparable])
    seen, lowest = ranks @ weight, []
    batch = max(1, BATCH // max(1, len(values)))
    for start in range(0, PERMUTATIONS, batch):
        shuffled = np.tile(ranks, (min(batch, PERMUTATIONS - start), 1))
        for own in layers:
            shuffled[:, own] = rng.permuted(shuffled[:, own], axis=1)
        lowest.append((shuffled @ weight).min(1))
    smallest = np.concatenate(lowest)
    as_low = (smallest[:, None] <= seen + 1e-9).sum(0)
    chances = (1 + as_low) / (1 + PERMUTATIONS)
    return dict(zip(names[comparable].tolist(), chances.tolist(), strict=True))


def _values(people: "pl.DataFrame", question: Question) -> "pl.DataFrame":
    import polars as pl

    if question.what == "finished":
        asked = people.filter(pl.col("seen") & (pl.col("asked") > 0))
        return asked.with_columns(value=pl.col("finished") / pl.col("asked"))
    if question.what == "rows":
        return people.with_columns(value=pl.col("n").cast(pl.Float64))
    return people.filter(pl.col("after").is_finite()).with_columns(value=pl.col("after"))


def _entry(question: Question, name: str, chance: float, rows: "pl.DataFrame") -> dict[str, Any]:
    import polars as pl

    own = rows.filter(pl.col(question.by) == name)
    # those whom they are compared with: of the same strata
    others = rows.filter(pl.col(question.by) != name).join(own.select("family", "seen").unique(), on=["family", "seen"])
    return {
        "what": question.what,
        "by": question.by,
        "name": name,
        "clients": own.height,
        "theirs": middle(own["value"].to_numpy(), question),
        "others": middle(others["value"].to_numpy(), question),
        "p": chance,
    }


def middle(values: Floats, question: Question) -> float:
    """Return the median of rows, the mean of anything else."""
    return float(np.median(values) if question.what == "rows" else np.mean(values))


def sentence(alarm: dict[str, Any]) -> str:
    """Say an alarm in one sentence."""
    who = (
        f"Clients of group “{alarm['name']}”"
        if alarm["by"] == "group"
        else f"Clients with the device “{alarm['name']}”"
    )
    theirs, others = alarm["theirs"], alarm["others"]
    chance = f"(p = {alarm['p']:.2g}, corrected for all comparisons)"
    if alarm["what"] == "rows":
        return f"{who} own fewer rows than others: a median of {theirs:.0f} against {others:.0f} {chance}."
    if alarm["what"] == "finished":
        return f"{who} finish {theirs:.0%} of the rounds that they are asked for, others {others:.0%} {chance}."
    return f"{who} are served worse than others: a mean score of {digits(theirs)} against {digits(others)} {chance}."
