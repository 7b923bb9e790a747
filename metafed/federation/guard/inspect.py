"""The guard of the protocol: looks at data and draws before a run, for what would make its numbers mean something else.

What is certainly wrong stops the run; what may be wrong is a line in the record. Of many clients a sample is looked
at, and the line says so. Generated clients come from documented worlds: of these only the draws are looked at.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.federation.guard.rows import Client, Finding, no_score, rules, without_score

if TYPE_CHECKING:
    from metafed.federation.population import Population

SAMPLE = 100
"""Clients of a task that are looked at, at most: half of them seen, half unseen."""
DRAWN, ROUNDS = 2, 2
"""Clients of a task whose training draws are looked at, and rounds of them."""


WHOLE = (0, 1)
"""The share of who has all clients."""


def inspect(population: "Population", share: tuple[int, int] = WHOLE) -> list[Finding]:
    """Look at the clients of a run.

    Args:
        population: The clients.
        share: Look at the clients i with i mod ``share[1]`` = ``share[0]`` only, those of one node of a deployment.
            People under two names and rows that several clients have are then found within the node.

    Returns:
        What was found, first what stops the run; each line names the task, and how many clients were looked at.

    Raises:
        DataError: A client's data cannot be used.
    """
    findings: list[Finding] = []
    for task, (choice, source) in enumerate(zip(population.choices, population.sources, strict=True)):
        total = population.roster.members(population.experiment.clients)[task]
        chosen = sample(population, task, share)
        # rows that were given in Python have no file, but columns
        made = not source.files and not source.columns
        if made:
            chosen = chosen[:DRAWN]
        clients, few = read(population, task, chosen)
        found = [*few, *draws(population, clients[:DRAWN])]
        if not made:
            per_class = (source.shots or choice.family.shots).per_class
            found += rules(clients, source.columns, choice.kind, per_class)
            found += no_score(clients, choice.kind, population.experiment.least_rows(choice.kind))
        looked = f"{len(chosen):,} of {total:,} clients" if len(chosen) < total else f"all {total:,} clients"
        if share != WHOLE:
            looked = f"{len(chosen):,} clients of node {share[0]}"
        findings += [each._replace(text=f"{choice.family.name}, {looked}: {each.text}") for each in found]
    return sorted(findings, key=lambda finding: not finding.fatal)


def sample(population: "Population", task: int, share: tuple[int, int] = WHOLE) -> list[int]:
    """Return the ids of a task's clients that are looked at: all, or ``SAMPLE`` drawn once; the seen ones first."""
    roster, experiment = population.roster, population.experiment
    shares, chosen = experiment.proportions, []
    small = roster.members(experiment.clients)[task] <= SAMPLE
    for kind, first, end in (("seen", 0, roster.seen), ("unseen", roster.seen, experiment.clients)):
        held = range(first + (share[0] - first) % share[1], end, share[1])
        count = len(held)
        # so many have enough of the task among them
        many = count if small else min(count, SAMPLE * sum(shares) // shares[task])
        drawn = np.arange(count)
        if many < count:
            drawn = stream(experiment.seed, f"guard/{kind}", task).choice(count, many, replace=False)
        own = [held[place] for place in drawn.tolist() if roster.place(held[place]).task == task]
        chosen += own if small else sorted(own[: SAMPLE // 2])
    return chosen


def read(population: "Population", task: int, chosen: Sequence[int]) -> tuple[list[Client], list[Finding]]:
    """Read clients, and find those that cannot be split: they would fail in every round.

    Raises:
        DataError: A client's data cannot be used.
    """
    clients, failed = [], []
    source, roster = population.sources[task], population.roster
    for number in chosen:
        try:
            split = population.split(number)
            episode = population.evaluation([number]).rows[0]
        except DataError:
            raise
        except ValueError as error:
            failed.append(f"client {number}: {error}")
            continue
        training, evaluation = (np.concatenate(half.strata) for half in (split.training, split.evaluation))
        name = source.called(roster.place(number).number)
        clients.append(Client(number, name, number < roster.seen, split.own, training, evaluation, episode))
    text = f"{len(failed):,} clients fail in every round, such as {failed[0]}" if failed else ""
    return clients, [Finding("too-few-rows", text, not clients)] if failed else []


def count_without_score(population: "Population", task: int) -> int:
    """Return how many of all clients of a task have no score; each is read for it."""
    kind, experiment = population.choices[task].kind, population.experiment
    least = experiment.least_rows(kind)
    own = (number for number in range(experiment.clients) if population.roster.place(number).task == task)
    return sum(len(without_score(read(population, task, [number])[0], kind, least)) for number in own)


def draws(population: "Population", clients: Sequence[Client]) -> list[Finding]:
    """Find what no draw may have: a row in both support and query, or an evaluation row in meta-training."""
    for client in clients:
        held = set(client.evaluation.tolist())
        rounds = [population.training([client.number], number).rows[0] for number in range(1, ROUNDS + 1)]
        for rows in (client.episode, *rounds):
            if set(rows.support.tolist()) & set(rows.query.tolist()):
                return [Finding("overlap", f"{client.called} has rows that are in both support and query", True)]
        if any(held & {*rows.support.tolist(), *rows.query.tolist()} for rows in rounds):
            return [Finding("trained", f"{client.called} is trained on evaluation rows", True)]
    return []
