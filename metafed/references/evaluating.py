"""The references of a run's clients, on the support and query rows of the run's own evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from metafed.core.episodes import Batch, Episode, assemble, draw_from, pad
from metafed.core.parameters import Params, part_of
from metafed.core.streams import stream
from metafed.federation.federation import Federation
from metafed.references import REFERENCES
from metafed.references.base import Ground
from metafed.scores.measuring import standing
from metafed.tasks.task import constant_error

HELD = 5
"""One of so many seen clients is held out to choose the pooled model by, where there are no validation clients."""


class Row(NamedTuple):
    """What a reference reaches for one client.

    Attributes:
        client: Its number.
        reference: The reference's name.
        loss: Query loss; of a classification by the logarithm of shares or posteriors.
        score: Query score; NaN where it is undefined.
    """

    client: int
    reference: str
    loss: float
    score: float


class Found(NamedTuple):
    """What references reach.

    Attributes:
        rows: A row a client and reference.
        undefined: Why a reference is not there, by reference and family.
        unread: Seen clients whose rows could not be read: they are missing among the pooled ones.
    """

    rows: list[Row]
    undefined: dict[str, dict[str, str]]
    unread: list[int]


def evaluated(federation: Federation, names: Sequence[str]) -> Found:
    """Compute references of all clients that the run evaluates, but for those it holds out to choose by.

    Args:
        federation: Whose clients they are.
        names: Names of ``REFERENCES``.
    """
    roster, found = federation.roster, Found([], {}, [])
    clients = [client for client in roster.evaluated() if not roster.validates(client)]
    grounds: dict[str, Ground] = {}
    with one_thread():
        for family, chunk in federation.chunks(clients, evaluation=True):
            if federation.tasks[family].kind == "control":
                for name in names:
                    found.undefined.setdefault(name, {})[family] = "a policy has no labelled rows"
                continue
            if family not in grounds:
                grounds[family] = ground_of(federation, family, found.unread)
            for name in names:
                if reason := REFERENCES[name].undefined(grounds[family]):
                    found.undefined.setdefault(name, {})[family] = reason
                    continue
                found.rows.extend(of_chunk(federation, grounds[family], name, readable(federation, chunk)))
    return found


def of_chunk(federation: Federation, ground: Ground, name: str, chunk: list[int]) -> Iterator[Row]:
    """Yield a row of each client of a chunk."""
    if not chunk:
        return
    (support, query), choosing = federation.population.evaluation(chunk).episode, episodes(federation, chunk)
    output = REFERENCES[name].outputs(ground, choosing, support, query.x, query.mask)
    with torch.no_grad():
        loss = ground.task.loss(output, query)
        score = standing(federation.experiment.headline_of(ground.task.kind), ground.task, output, query)
    enough = (query.mask > 0).sum(1) >= federation.experiment.least_rows(ground.task.kind)
    if ground.task.kind == "regression":
        enough &= constant_error(query).isfinite()
    score = torch.where(enough, score, torch.nan)
    for client, each, reached in zip(chunk, loss.tolist(), score.tolist(), strict=True):
        yield Row(client, name, each, reached)


def episodes(federation: Federation, clients: list[int]) -> Episode:
    """Return an episode of each client's meta-training rows, to choose by: its size is that of the evaluation's."""
    population = federation.population
    shots = population.shots[federation.roster.place(clients[0]).task]
    examples, rows = [], []
    for client in clients:
        own, training, *_ = population.split(client)
        rng = stream(federation.experiment.seed, "references/choosing", client)
        rows.append(draw_from(own, training.strata, shots, shots.evaluation, rng))
        examples.append(own)
    return assemble(examples, rows, population.dtype)


def ground_of(federation: Federation, family: str, unread: list[int]) -> Ground:
    """Return what the references of a family's clients are computed from; numbers of clients go to ``unread``."""
    roster, population = federation.roster, federation.population
    seen = [client for client in range(roster.seen) if roster.family(client) == family]
    there = readable(federation, seen)
    unread += sorted(set(seen) - set(there))
    choosing = [client for client in range(roster.seen, roster.tested) if roster.family(client) == family]
    choosing, first = readable(federation, choosing), there
    if not choosing and len(there) > 1:
        drawn = stream(federation.experiment.seed, f"references/held/{family}").permutation(len(there))
        held = {there[place] for place in drawn[: max(1, len(there) // HELD)]}
        choosing, first = sorted(held), [client for client in there if client not in held]

    def pooled(clients: Sequence[int]) -> Batch:
        splits = [population.split(client) for client in clients]
        rows = [pad([own], [training.rows], population.dtype) for own, training, *_ in splits]
        return Batch(*(torch.cat(parts, 1) for parts in zip(*rows, strict=True)))

    choice = federation.choices[roster.families.index(family)]
    return Ground(
        federation.tasks[family],
        start_of(federation.initial, roster.parts(family)),
        choice.anonymous,
        pooled(first),
        pooled(choosing) if choosing else None,
        pooled(there),
        federation.experiment.seed,
    )


def start_of(initial: Params, parts: Sequence[str]) -> Mapping[str, "torch.Tensor"]:
    """Return the initial parameters of some parts."""
    return {name: value for name, value in initial.items() if part_of(name) in parts}


def readable(federation: Federation, clients: Sequence[int]) -> list[int]:
    """Return the clients whose rows can be read; the run's record says why others cannot."""
    found = []
    for client in clients:
        try:
            federation.population.split(client)
        except Exception:  # whatever a client's data raise costs that client alone
            continue
        found.append(client)
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that no bit depends on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def columns(found: Found) -> dict[str, np.ndarray]:
    """Return the rows as columns, in the order of client and reference."""
    rows = sorted(found.rows)
    return {
        "client": np.array([row.client for row in rows], np.int64),
        "reference": np.array([row.reference for row in rows], object),
        "loss": np.array([row.loss for row in rows], np.float64),
        "score": np.array([row.score for row in rows], np.float64),
    }
