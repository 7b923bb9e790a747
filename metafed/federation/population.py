"""The clients with their data, made or read only when asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, final

import numpy as np
import torch

from metafed.core.draws import Half, Numbers, draw_together, half, slots_together, sortable
from metafed.core.episodes import Episode, Examples, Rows, Shots, assemble, draw_from, halves, strata
from metafed.core.streams import stream
from metafed.data.family import TaskChoice
from metafed.data.files.kept import keep
from metafed.data.sound import check_rows
from metafed.data.source import Origin, Source
from metafed.experiment.settings import Experiment
from metafed.faults.injected_bias import parse_bias
from metafed.federation.memory import Store
from metafed.federation.roster import Roster
from metafed.federation.shots import shots_of

EVERY = 2**31
"""Query rows (a class) at most, where there is no bound: all that the support leaves."""
NO_ROWS = Rows(np.empty(0, np.int64), np.empty(0, np.int64))
KEPT = 256 * 2**20
"""Bytes of clients' rows that stay in memory; the others are made or read again."""
KEPT_ROWS = 32 * 2**20
"""Bytes of the row numbers of evaluation episodes, which are the same each time; those of 10,000 clients and more."""


class Draw(NamedTuple):
    """One episode of each of ``C`` clients, with the sizes behind it."""

    episode: Episode
    examples: list[Examples]
    rows: list[Rows]


class Split(NamedTuple):
    """A client's rows, and which of them are meta-training and which evaluation draws.

    Attributes:
        own: The rows.
        training: Those of meta-training draws.
        evaluation: Those of evaluation draws.
        drawn_together: Whether a training episode is drawn in one sort with those of others; by the client's own
            data alone.
    """

    own: Examples
    training: Half
    evaluation: Half
    drawn_together: bool


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
        self.shots = [shots_of(experiment, choice, source) for choice, source in zip(choices, sources, strict=True)]
        self.dtype = getattr(torch, experiment.precision)
        self.deals_slots = deals_slots
        self.bias = parse_bias(experiment.inject_bias) if experiment.inject_bias else None
        self._kept: Store[Split] = Store(KEPT)
        self._episodes: Store[Rows] = Store(KEPT_ROWS)

    def training(self, clients: list[int], server_round: int) -> Draw:
        """Draw a fresh episode of each client from its meta-training rows; clients of one family only."""
        task = self.roster.place(clients[0]).task
        choice, classes, shots = self.choices[task], self.sources[task].outputs, self.shots[task]
        query = self._query(task)
        splits = [self.split(client) for client in clients]
        rows, slots = self._drawn_together(clients, splits, task, server_round)
        for position, (client, split) in enumerate(zip(clients, splits, strict=True)):
            if not split.drawn_together:
                rng = stream(self.experiment.seed, "episode", server_round, client)
                rows[position] = draw_from(split.own, split.training.strata, shots, query, rng)
                slots[position] = rng.permutation(classes)
        examples = [split.own for split in splits]
        if choice.anonymous and self.deals_slots:
            examples = [Examples(own[0], slot[own[1]], *own[2:]) for own, slot in zip(examples, slots, strict=True)]
        return self._assembled(examples, rows, task, shots.query)

    def _drawn_together(
        self, clients: list[int], splits: Sequence[Split], task: int, server_round: int
    ) -> tuple[list[Rows], list[np.ndarray]]:
        """Draw rows and an order of the slots for those clients whose own data allow it, whoever the others are.

        The others' places are empty.
        """
        rows, slots = [NO_ROWS] * len(clients), [NO_ROWS.query] * len(clients)
        where = [position for position, split in enumerate(splits) if split.drawn_together]
        if where:
            numbers = Numbers(self.experiment.seed, "episodes", server_round, [clients[position] for position in where])
            halves_of = [splits[position].training for position in where]
            drawn = draw_together(halves_of, self.shots[task], self._query(task), numbers)
            orders = slots_together(len(where), self.sources[task].outputs, numbers)
            for position, own, order in zip(where, drawn, orders, strict=True):
                rows[position], slots[position] = own, order
        return rows, slots

    def _query(self, task: int) -> int:
        """Return how many query rows (a class) a training episode has at most."""
        return EVERY if self.experiment.local.rows == "all" else self.shots[task].query

    def evaluation(self, clients: list[int]) -> Draw:
        """Return the fixed episode of each client from its evaluation rows; clients of one family only."""
        task = self.roster.place(clients[0]).task
        examples, rows = [self.split(client).own for client in clients], []
        for client in clients:
            if (drawn := self._episodes.get(client)) is None:
                drawn = self._evaluation_rows(client, self.shots[task])
                self._episodes.put(client, drawn, drawn.support.nbytes + drawn.query.nbytes + 200)
            rows.append(drawn)
        # evaluation asks for all rows that a client has: there the chunk's longest is much shorter
        return self._assembled(examples, rows, task, 0)

    def _evaluation_rows(self, client: int, shots: Shots) -> Rows:
        own, _, evaluation, _ = self.split(client)
        rng = stream(self.experiment.seed, "evaluation", client)
        return draw_from(own, evaluation.strata, shots, shots.evaluation, rng)

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
            self._kept.put(client, found, _bytes(found))
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
        return Split(own, training, evaluation, own.time is None and own.block is None and sortable(training))


def rounded(own: Examples, precision: Literal["float32", "float64"]) -> Examples:
    """Return a client's rows with no more digits than are computed with; what has fewer stays as it is."""

    def short(values: np.ndarray) -> np.ndarray:
        longer = np.issubdtype(values.dtype, np.floating) and values.dtype.itemsize > np.dtype(precision).itemsize
        return values.astype(precision) if longer else values

    return own._replace(x=short(own.x), y=short(own.y))


def _bytes(split: Split) -> int:
    own, training, evaluation, _ = split
    arrays = [*training, *evaluation, *(field for field in own if isinstance(field, np.ndarray))]
    # an array and its owner cost some hundred bytes beside its numbers
    return sum(array.nbytes + 200 for array in arrays)
