"""Who took part, and how those fare who did not: ``participation.parquet`` and a table in ``summary.json``.

Both are made from the record alone: the lines of ``rounds.jsonl`` and the rows of ``clients.parquet``. A client that
was asked so often is in one of these columns each time: *finished* (with ``shortened`` a part of it), *late*,
*dropped out*, *offline*, *excluded* (its device is too small), or *failed*.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metafed.core.digits import LARGEST
from metafed.core.ranks import ranks as ranked
from metafed.fairness.groups import SMALL
from metafed.fairness.intervals import mean_interval
from metafed.fairness.panel import VALIDATION
from metafed.federation.federation import Federation

if TYPE_CHECKING:
    import polars as pl

MISSED = ("late", "dropped_out", "offline", "excluded", "failed")
"""Why a client that was asked did not take part."""
COUNTS = ("asked", "finished", "shortened", *MISSED)
SPENT = ("virtual_seconds", "joules")
KINDS = (ALWAYS, OFTEN, SELDOM, NEVER, UNASKED) = ("always", "half or more", "less than half", "never", "not asked")
"""Kinds of clients by how often they finished when asked."""


def ledger(lines: Iterable[Mapping[str, Any]], clients: "pl.DataFrame", federation: Federation) -> "pl.DataFrame":
    """Return a row for every client that was asked or evaluated.

    Args:
        lines: The lines of ``rounds.jsonl``.
        clients: The rows of ``clients.parquet``.
        federation: Whose clients they are.

    Returns:
        client, name, family, group, device, seen; how often it was asked and what came of it; virtual seconds and
        joules of its device in all rounds; its score before and after adaptation at the last evaluation and the gain,
        null where it was not evaluated. A client that neither trained nor was evaluated has no group, and no device
        where devices depend on groups.
    """
    import polars as pl

    trained = clients.filter(pl.col("phase") == "train").select("round", "client").unique()
    finished = {(int(number), int(client)) for number, client in zip(trained["round"], trained["client"], strict=True)}
    counts: dict[int, dict[str, float]] = {}
    for line in lines:
        _count(line, finished, counts)
    rows = [{"client": client, **counts[client]} for client in sorted(counts)]
    schema: dict[str, Any] = {"client": pl.Int64, **dict.fromkeys(COUNTS, pl.Int32), **dict.fromkeys(SPENT, pl.Float64)}
    asked = pl.DataFrame(rows, schema=schema)
    evaluated = clients.filter(pl.col("phase") == "evaluate")
    evaluated = evaluated.filter(pl.col("round") == evaluated["round"].max()) if evaluated.height else evaluated
    # beyond it means of squares are not finite
    score = pl.when(pl.col("score").abs() > LARGEST).then(np.nan).otherwise(pl.col("score"))
    evaluated = evaluated.with_columns(score=score)
    ends = evaluated.sort("step").group_by("client").agg(before=pl.col("score").first(), after=pl.col("score").last())
    named = ["name"] if "name" in clients.columns else []
    about = (
        clients.filter(pl.col("phase") != VALIDATION)
        .unique("client", keep="first")
        .select("client", *named, "family", "group", "n")
    )
    joined = (
        about.join(ends, on="client", how="left")
        .join(asked, on="client", how="full", coalesce=True)
        .with_columns(
            *(pl.col(name).fill_null(0) for name in (*COUNTS, *SPENT)),
            gain=pl.col("after") - pl.col("before"),
            seen=pl.col("client") < federation.roster.seen,
        )
        .sort("client")
    )
    by_group = federation.fleet is not None and federation.fleet.needs_groups
    devices = [
        None if group is None and by_group else federation.device(client, group or "")
        for client, group in zip(joined["client"], joined["group"], strict=True)
    ]
    families = [federation.roster.family(client) for client in joined["client"]]
    return joined.with_columns(
        device=pl.Series(devices, dtype=pl.String), family=pl.Series(families, dtype=pl.String)
    ).select("client", *named, "family", "group", "device", "seen", "n", *COUNTS, *SPENT, "before", "after", "gain")


def _count(line: Mapping[str, Any], finished: set[tuple[int, int]], counts: dict[int, dict[str, float]]) -> None:
    """Add what one round's line says of the clients that it asked."""
    missed = {client: name for name in MISSED[:3] for client in line.get(name, ())}
    missed |= {entry["client"]: "excluded" for entry in line.get("excluded", ())}
    shortened, cohort = set(line.get("shortened", ())), line.get("cohort", ())
    failed, attendance = {entry["client"] for entry in line["failed"]}, line.get("attendance", {})
    for place, client in enumerate(cohort):
        own = counts.setdefault(client, dict.fromkeys((*COUNTS, *SPENT), 0))
        # of nodes that keep their clients' rows to themselves there are no rows to go by
        done = (line["round"], client) in finished or (client not in missed and client not in failed)
        own["asked"] += 1
        own["finished" if done else missed.get(client, "failed")] += 1
        own["shortened"] += done and client in shortened
        if attendance:
            own["virtual_seconds"] += attendance["seconds"][place]
            own["joules"] += attendance["joules"][place]


def table(people: "pl.DataFrame", bounded: Collection[str] = ()) -> dict[str, Any]:
    """Return ``summary.json``'s ``participation``: is who is dropped who is worse off?

    Args:
        people: What ``ledger`` returns; its seen clients count.
        bounded: Families whose scores cannot be below 0: those that classify.

    Returns:
        ``by``, three tables: ``finished`` (clients by how often they finished when asked), ``device`` and ``group``.
        A row says how many clients there are, what became of their invitations, and with 95 % intervals their score,
        how far it is above the mean of their families' seen clients, and their gain. ``rank_correlation``: of the
        share of invitations that a client finished and its score, within families; null where it means nothing.
    """
    import polars as pl

    seen = people.filter(pl.col("seen"))
    # families differ in score: a kind of clients that happens to have the easier ones is not better served
    finite = pl.when(pl.col("after").is_finite()).then(pl.col("after"))
    seen = seen.with_columns(relative=finite - finite.mean().over("family"))
    share = np.where(seen["asked"].to_numpy() > 0, seen["finished"].to_numpy() / np.maximum(seen["asked"], 1), np.nan)
    kinds = np.array([_kind(value) for value in share], dtype=object)
    labels = {"finished": kinds, "device": seen["device"].to_numpy(), "group": seen["group"].to_numpy()}
    return {
        "clients": seen.height,
        **{name: int(seen[name].sum()) for name in COUNTS},
        **{name: float(seen[name].sum()) for name in SPENT},
        "by": {
            what: _rows(
                seen,
                [None if own is None else str(own) for own in column],
                KINDS if what == "finished" else (),
                bounded,
            )
            for what, column in labels.items()
        },
        "rank_correlation": _correlation(share, seen),
    }


def _kind(share: float) -> str:
    if np.isnan(share):
        return UNASKED
    if share in (0.0, 1.0):
        return ALWAYS if share else NEVER
    return OFTEN if share >= 0.5 else SELDOM


def _rows(
    people: "pl.DataFrame", labels: Sequence[str | None], order: Sequence[str], bounded: Collection[str]
) -> list[dict[str, Any]]:
    import polars as pl

    rows = []
    there = (
        [label for label in order if label in labels] if order else sorted({own for own in labels if own is not None})
    )
    for label in there:
        own = people.filter(pl.Series([label == each for each in labels]))
        evaluated = own.filter(pl.col("after").is_finite() & pl.col("before").is_finite())
        asked = int(own["asked"].sum())
        least = 0.0 if set(evaluated["family"]) <= set(bounded) else -np.inf
        most = 1.0 - least
        rows.append(
            {
                "name": label,
                "clients": own.height,
                "small": own.height < SMALL,
                **{name: int(own[name].sum()) for name in COUNTS},
                "share_finished": int(own["finished"].sum()) / asked if asked else None,
                "joules": float(own["joules"].sum()),
                "after": mean_interval(evaluated["after"].to_numpy().astype(np.float64), least, 1.0)._asdict(),
                "against_family": mean_interval(
                    evaluated["relative"].to_numpy().astype(np.float64), -most, most
                )._asdict(),
                "gain": mean_interval(evaluated["gain"].to_numpy().astype(np.float64), -most, most)._asdict(),
            }
        )
    return rows


def _correlation(share: np.ndarray, people: "pl.DataFrame") -> float | None:
    """Return Spearman's correlation of share and score, as ranks within each family; None where one is constant."""
    score = people["after"].cast(float).to_numpy().astype(np.float64)
    usable = np.isfinite(share) & np.isfinite(score)
    family = people["family"].to_numpy()
    left, right = np.zeros(len(share)), np.zeros(len(share))
    for name in set(family[usable].tolist()):
        own = usable & (family == name)
        for ranks, values in ((left, share), (right, score)):
            ranks[own] = ranked(values[own]) - (own.sum() + 1) / 2
    norm = float(np.sqrt((left[usable] @ left[usable]) * (right[usable] @ right[usable])))
    return float(left[usable] @ right[usable]) / norm if norm > 0 else None
