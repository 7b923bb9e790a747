"""A ledger of each client's weight in each outer update, derived from what hosts sent for the record.

No message carries it, and the server need not see one client alone for it: an objective's sum is linear in the clients'
directions, so the sum of unit vectors in their place is the vector of their weights. The losses, sizes and groups in
``clients.parquet`` are put through the same ``share`` and ``step`` as in the run, round after round, so that an
objective's own state (AFL's λ) is what it was. Where a node keeps its clients' rows to itself there is no ledger of
them.

A weight is a share of the round: |a_k| / Σ |a_j|, by the objective, before an aggregator, clipping or noise. The
parts of θ that one family alone has divide by that family's sum; their clients' weights are in the same proportions.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from metafed.core.parameters import TRUNK
from metafed.experiment.settings import Experiment
from metafed.fairness import metrics as fairness
from metafed.fairness.intervals import rank_correlation, without_interval
from metafed.fairness.metrics import Values
from metafed.fairness.panel import Column, Panel
from metafed.objectives import NOTHING, ClientUpdates, Contribution, Rates

if TYPE_CHECKING:
    import polars as pl

LARGEST_COHORT = 4096
"""Clients of one family in a round above which there is no ledger: its unit vectors would fill the memory."""


class Shares(NamedTuple):
    """Who moved θ in one round: ids ``(C,)``, and shares of the weight ``(C,)`` that add up to 1, or are all 0."""

    round: int
    client: Column
    share: Values


class NoLedger(ValueError):
    """The ledger cannot be derived; the message says why."""


def ledger(clients: "pl.DataFrame", experiment: Experiment) -> Iterator[Shares]:
    """Yield the shares of every round of meta-training, in order.

    Args:
        clients: The rows of ``clients.parquet``, from the first round on.
        experiment: What was computed.

    Raises:
        NoLedger: The algorithm's clients send nothing or at several rates, or a cohort is too large.
    """
    objective = experiment.objective
    if experiment.algorithm.weighs == "none":
        raise NoLedger("the clients of this algorithm send nothing")
    if experiment.algorithm.left_open and experiment.algorithm.local_rate != 1 and objective.separability == "sums":
        raise NoLedger("families have inner rates of their own, by which what their clients send differs in size")
    rows = clients.filter(clients["phase"] == "train").sort("round", maintain_order=True)
    column = {name: rows[name].to_numpy() for name in ("round", "client", "family", "group", "loss", "n")}
    trained = rows["support"].to_numpy().astype(np.float64) + rows["query"].to_numpy()
    weights = trained if experiment.algorithm.weighs == "rows" else np.ones(len(rows))
    state = objective.start(experiment.seen_clients)
    rates = Rates(experiment.outer.rate, experiment.algorithm.local_rate)
    for number in np.unique(column["round"]):
        first, last = np.searchsorted(column["round"], [number, number + 1])
        family = column["family"][first:last].astype(str)
        total: Contribution = NOTHING
        for name in dict.fromkeys(family.tolist()):
            own = first + np.flatnonzero(family == name)
            if len(own) > LARGEST_COHORT:
                raise NoLedger(f"a round has {len(own)} clients of {name}, more than {LARGEST_COHORT}")
            unit = np.zeros((len(own), last - first))
            unit[np.arange(len(own)), own - first] = 1
            updates = ClientUpdates(
                torch.from_numpy(column["loss"][own].astype(np.float64)),
                torch.from_numpy(weights[own]),
                {TRUNK: torch.from_numpy(unit)},
                clients=column["client"][own].tolist(),
                family=name,
                groups=column["group"][own].tolist(),
                rows=column["n"][own].tolist(),
                rates=rates,
            )
            total += objective.share(updates, objective.ask(state, updates.clients))
        losses = dict(zip(column["client"][first:last].tolist(), column["loss"][first:last].tolist(), strict=True))
        directions, state = objective.step(total, state, losses)
        found = np.abs(directions[TRUNK]) if TRUNK in directions else np.zeros(last - first)
        whole = float(found.sum())
        yield Shares(int(number), column["client"][first:last], found / whole if whole > 0 else found)


def influence(clients: "pl.DataFrame", experiment: Experiment, people: Panel) -> dict[str, Any]:
    """Summarize the ledger: who took part, and who moved θ.

    Args:
        clients: The rows of ``clients.parquet``.
        experiment: What was computed.
        people: The evaluated clients, for families, groups and scores.

    Returns:
        ``rounds``; ``clients``, all that could have taken part; ``never``, how many of them never did; ``gini`` of
        their ``times`` and their ``shares`` (mean over rounds); ``groups``: of the evaluated seen clients, each
        group's shares of clients and of influence, the least influential for its size first; ``with_score``: rank
        correlation of influence with score after adaptation. ``reason`` instead of all that where there is no ledger.
    """
    seen = experiment.seen_clients
    times, shares, rounds = np.zeros(seen), np.zeros(seen), 0
    try:
        for entry in ledger(clients, experiment):
            rounds += 1
            np.add.at(times, entry.client, 1)
            np.add.at(shares, entry.client, entry.share)
    except (NoLedger, ValueError) as error:
        return {"reason": str(error)}
    if not rounds:
        return {"reason": "no round of meta-training"}
    shares /= rounds
    evaluated = people.usable.where(people.usable.seen)
    own = shares[evaluated.client.astype(np.int64)]
    score = evaluated.scores[:, -1]
    return {
        "rounds": rounds,
        "clients": seen,
        "never": int((times == 0).sum()),
        "gini": {"times": fairness.gini(times), "shares": fairness.gini(shares)},
        "groups": by_group(evaluated, own),
        "with_score": (
            rank_correlation(own, score) if len(evaluated) else without_interval(None, 0, "no clients")
        )._asdict(),
    }


def by_group(evaluated: Panel, shares: Values) -> list[dict[str, Any]]:
    """Return an entry a group: its share of the clients and of the influence, ordered by their ratio."""
    labels = np.array([f"{family}/{group}" for family, group in zip(evaluated.family, evaluated.group, strict=True)])
    whole = float(shares.sum())
    found = []
    for label in np.unique(labels) if len(labels) else ():
        member = labels == label
        family, _, group = str(label).partition("/")
        share = float(shares[member].sum()) / whole if whole > 0 else None
        entry = {"family": family, "group": group, "clients": int(member.sum())}
        found.append({**entry, "of_clients": float(member.mean()), "of_influence": share})
    return sorted(found, key=lambda entry: (entry["of_influence"] or 0.0) / entry["of_clients"])
