"""The clients with their data, made or read only when asked for."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, final

import numpy as np
import torch
from cachetools import LRUCache

from metafed.core.draws import Half, Numbers, draw_together, half, slots_together, sortable
from metafed.core.episodes import Episode, Examples, Rows, assemble, draw_from, halves, strata
from metafed.core.streams import stream
from metafed.data.family import TaskChoice
from metafed.data.files.kept import keep
from metafed.data.sound import check_rows
from metafed.data.source import Origin, Source
from metafed.experiment.settings import Experiment
from metafed.faults.injected_bias import parse_bias
from metafed.federation.roster import Roster

EVERY = 2**31
"""Query rows (a class) at most, where there is no bound: all that the support leaves."""
KEPT = 256 * 2**20
"""Bytes of clients' rows that stay in memory; the others are made or read again."""


class Draw(NamedTuple):
    """One episode of each of ``C`` clients, with the sizes behind it."""

    episode: Episode
    examples: list[Examples]
    rows: list[Rows]


class Split(NamedTuple):
    """A client's rows, and which of them are meta-training and which evaluation draws."""

    own: Examples
    training: Half
    evaluation: Half

    @property
    def drawn_together(self) -> bool:
        """Whether a training episode is drawn in one sort with those of others; by the client's own data alone."""
        return self.own.time is None and self.own.block is None and sortable(self.training)


@final
class Population:
    """Data of an experiment's clients.

    Args:
        experiment: What is computed.
        choices: Its families.
        roster: Who is in the federation.
        sources: Where each family's clients come from.
        deals_slots: Whether training episodes deal the slots of anonymous classes anew.
    """

    def __init__(
        self,
        experiment: Experiment,
        choices: Sequence[TaskChoice],
        roster: Roster,
        sources: Sequence[Source],
        deals_slots: bool,
    ) -> None:
        self.experiment, self.choices, self.roster, self.sources = experiment, choices, roster, sources
        self.shots = [source.shots or choice.family.shots for choice, source in zip(choices, sources, strict=True)]
        self.dtype = getattr(torch, experiment.precision)
        self.deals_slots = deals_slots
        self.bias = parse_bias(experiment.inject_bias) if experiment.inject_bias else None
        self._kept: LRUCache[int, Split] = LRUCache(KEPT, getsizeof=_bytes)

    def training(self, clients: list[int], server_round: int) -> Draw:
        """Draw a fresh episode of each client from its meta-training rows; clients of one family only."""
        task = self.roster.place(clients[0]).task
        choice, classes, shots = self.choices[task], self.sources[task].outputs, self.shots[task]
        query = self._query(task)
        splits = [self.split(client) for client in clients]
        drawn = self._drawn_together(clients, splits, task, server_round)
        for client, (own, training, _) in zip(clients, splits, strict=True):
            if client not in drawn:
                rng = stream(self.experiment.seed, "episode", server_round, client)
                drawn[client] = draw_from(own, training.strata, shots, query, rng), rng.permutation(classes)
        rows, slots = zip(*(drawn[client] for client in clients), strict=True)
        examples = [split.own for split in splits]
        if choice.anonymous and self.deals_slots:
            examples = [own._replace(y=slot[own.y]) for own, slot in zip(examples, slots, strict=True)]
        return self._assembled(examples, rows, task, shots.query)

    def _drawn_together(
        self, clients: list[int], splits: Sequence[Split], task: int, server_round: int
    ) -> dict[int, tuple[Rows, np.ndarray]]:
        """Draw rows and an order of the slots for those clients whose own data allow it, whoever the others are."""
        own = {client: one for client, one in zip(clients, splits, strict=True) if one.drawn_together}
        if not own:
            return {}
        numbers = Numbers(self.experiment.seed, "episodes", server_round, list(own))
        rows = draw_together([one.training for one in own.values()], self.shots[task], self._query(task), numbers)
        slots = slots_together(len(own), self.sources[task].outputs, numbers)
        return dict(zip(own, zip(rows, slots, strict=True), strict=True))

    def _query(self, task: int) -> int:
        """Return how many query rows (a class) a training episode has at most."""
        return EVERY if self.experiment.local.rows == "all" else self.shots[task].query

    def evaluation(self, clients: list[int]) -> Draw:
        """Return the fixed episode of each client from its evaluation rows; clients of one family only."""
        task = self.roster.place(clients[0]).task
        shots, examples, rows = self.shots[task], [], []
        for client in clients:
            own, _, evaluation = self.split(client)
            rng = stream(self.experiment.seed, "evaluation", client)
            rows.append(draw_from(own, evaluation.strata, shots, shots.evaluation, rng))
            examples.append(own)
        # evaluation asks for all rows that a client has: there the chunk's longest is much shorter
        return self._assembled(examples, rows, task, 0)

    def attributes(self, family: str) -> tuple[str, ...]:
        """Return the names of the attributes that rows of a family have, those that are planted last."""
        names = [choice.family.name for choice in self.choices]
        planted = self.bias.attributes if self.bias else ()
        return (*self.sources[names.index(family)].attributes, *planted)

    def episode_rows(self, client: int) -> tuple[int, int]:
        """Return how many support and query rows a meta-training episode of the client has; blocks aside."""
        shots, support, query = self.shots[self.roster.place(client).task], 0, 0
        for size in self.split(client).training.sizes.tolist():
            adapt = max(1, min(shots.support, size // 2))
            support, query = support + adapt, query + min(shots.query, size - adapt)
        return support, query

    def split(self, client: int) -> Split:
        """Return a client's rows, and which of them are for meta-training and which for evaluation."""
        if (found := self._kept.get(client)) is None:
            found = self._split(client)
            with suppress(ValueError):  # it is larger than all that is kept
                self._kept[client] = found
        return found

    def keep(self, folder: Path, origins: Sequence[Origin]) -> None:
        """Have clients' rows kept in ``folder`` for the next process that asks; see ``metafed.data.files.kept``."""
        names = [f"{choice.family.name}:{choice.source}" for choice in self.choices]
        self.sources = keep(self.sources, names, origins, folder)

    def _assembled(self, examples: list[Examples], rows: list[Rows], task: int, query: int) -> Draw:
        strata = self.sources[task].outputs if self.shots[task].per_class else 1
        lengths = (self.shots[task].support * strata, query * strata)
        return Draw(assemble(examples, rows, self.dtype, lengths), examples, rows)

    def _split(self, client: int) -> Split:
        place = self.roster.place(client)
        source, choice = self.sources[place.task], self.choices[place.task]
        own = rounded(source.examples(place.number), self.experiment.precision)
        who = f"{choice.family.name}: client {source.called(place.number) or client}"
        check_rows(own, source, choice.kind, who)
        rng = stream(self.experiment.seed, "halves", client)
        shots = self.shots[place.task]
        if self.bias is not None:
            own = self.bias(self.experiment.seed, client, own, shots)
        training, evaluation = (half(strata(own, rows, shots)) for rows in halves(own, shots, rng))
        return Split(own, training, evaluation)


def rounded(own: Examples, precision: Literal["float32", "float64"]) -> Examples:
    """Return a client's rows with no more digits than are computed with; what has fewer stays as it is."""

    def short(values: np.ndarray) -> np.ndarray:
        longer = np.issubdtype(values.dtype, np.floating) and values.dtype.itemsize > np.dtype(precision).itemsize
        return values.astype(precision) if longer else values

    return own._replace(x=short(own.x), y=short(own.y))


def _bytes(split: Split) -> int:
    own, training, evaluation = split
    arrays = [*training, *evaluation, *(field for field in own if isinstance(field, np.ndarray))]
    # an array and its owner cost some hundred bytes beside its numbers
    return sum(array.nbytes + 200 for array in arrays)
