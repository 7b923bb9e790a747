"""Which rows a client takes in which step: dealt by the address (seed, name, round, client, epoch, row).

So a client's batches depend neither on who else is in its chunk nor on who computes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self, final

import numpy as np
import torch

from metafed.core.draws import Numbers
from metafed.core.episodes import Batch
from metafed.training.settings import ClientTraining, Length, Training

ROW_BITS, EPOCH_BITS = 32, 20
"""Of an index's 64 bits; what is left numbers the times that a client starts in a round."""
LAST: Final = np.uint64(2**64 - 1)


@final
@dataclass(frozen=True)
class Plan:
    """How the clients of a chunk train.

    Attributes:
        settings: What was asked for.
        numbers: The clients' random numbers, in the chunk's order.
        server_round: The round, from 1; in evaluation 1.
        start: How often they started in this round before, with another optimizer or on another model.
    """

    settings: Training
    numbers: Numbers
    server_round: int = 1
    start: int = 0

    @classmethod
    def of(cls, settings: Training, seed: int, server_round: int, clients: list[int]) -> Self:
        """Return the plan of clients in a round, or in evaluation, whose settings these are."""
        name = "batches" if isinstance(settings, ClientTraining) else "evaluation/batches"
        return cls(settings, Numbers(seed, name, server_round, clients), server_round)

    @property
    def again(self) -> Self:
        """The plan of the next start: the same settings, other batches."""
        return replace(self, start=self.start + 1)

    def lasting(self, epochs: int) -> Self:
        """Return the plan of so many epochs; where it has none, of as many steps as its user takes anyway."""
        other = {"steps": None} if self.settings.epochs is None else {"epochs": epochs}
        return replace(self, settings=self.settings.model_copy(update=other))

    def factor(self, done: int, length: Length) -> float:
        """Return what the rate is multiplied by after ``done`` epochs or steps."""
        return self.settings.rate_in(self.server_round) * self.settings.factor(done, length.number)


@final
@dataclass(frozen=True)
class Dealt:
    """The rows of ``C`` clients, dealt as batches; clients with many batches come first.

    Attributes:
        rows: The clients' rows, ``(C, N, …)``.
        plan: How they train.
    """

    rows: Batch
    plan: Plan

    @cached_property
    def real(self) -> np.ndarray:
        """Which rows are no padding, bool ``(C, N)``."""
        return np.asarray(self.rows.mask.cpu().numpy() > 0)

    @cached_property
    def batches(self) -> np.ndarray:
        """How many batches an epoch has ``(C,)``."""
        size = self.plan.settings.batch_size
        count = self.real.sum(1)
        return np.ones_like(count) if size is None else -(-count // size)

    def steps(self, length: Length) -> np.ndarray:
        """Return how many steps each client takes ``(C,)``."""
        return self.batches * length.number if length.epochs else np.full_like(self.batches, length.number)

    @cached_property
    def places(self) -> np.ndarray:
        """The clients' positions in the chunk ``(C,)``, those with many batches first."""
        return np.argsort(-self.batches, kind="stable")

    @cached_property
    def back(self) -> "torch.Tensor":
        """Where each client of the chunk is found ``(C,)``."""
        return torch.from_numpy(self.places.argsort()).to(self.rows.mask.device)

    def step(self, number: int) -> Batch:
        """Return the batch of a step, of all clients in the chunk's order."""
        ((_, batch),) = self.unit(number, Length(number + 1, epochs=False))
        return Batch(*(field[self.back] for field in batch))

    def unit(self, number: int, length: Length) -> Iterator[tuple[int, Batch]]:
        """Yield the batches of an epoch, or the one of a step: how many clients take it, the first, and their rows."""
        batches = self.batches[self.places]
        if self.plan.settings.batch_size is None:
            yield len(batches), self._whole
        elif length.epochs:
            order = self._order(np.full(len(batches), number))
            for index in range(batches[0]):
                count = int((batches > index).sum())
                yield count, self._batch(order[:count], np.full(count, index))
        else:
            epochs, index = np.divmod(number, batches)
            yield len(batches), self._batch(self._order(epochs), index)

    @cached_property
    def _whole(self) -> Batch:
        chosen = torch.from_numpy(self.places).to(self.rows.mask.device)
        return Batch(*(field[chosen] for field in self.rows))

    def _order(self, epochs: np.ndarray) -> np.ndarray:
        """Return the order of the rows in an epoch of each client ``(C, N)``, padding last."""
        real = self.real[self.places]
        chance, (client, _) = np.full(real.shape, LAST), np.nonzero(real)
        number = (np.uint64(self.plan.start) << np.uint64(EPOCH_BITS)) + epochs.astype(np.uint64)[client]
        rank = (real.cumsum(1)[real] - 1).astype(np.uint64)
        chance[real] = self.plan.numbers(self.places[client], (number << np.uint64(ROW_BITS)) + rank) >> np.uint64(1)
        return chance.argsort(1, kind="stable")

    def _batch(self, order: np.ndarray, index: np.ndarray) -> Batch:
        """Return batch ``index (A,)`` of the first A clients; rows past a client's last are padding."""
        size, (_, length) = self.plan.settings.batch_size or 0, order.shape
        columns = index[:, None] * size + np.arange(min(size, length))
        inside = columns < self.real[self.places].sum(1)[: len(order), None]
        rows = np.take_along_axis(order, columns.clip(max=length - 1), 1)
        device = self.rows.mask.device
        client, row = (torch.from_numpy(where).to(device) for where in (self.places[: len(order), None], rows))
        there = torch.from_numpy(inside).to(device)
        x, y, mask = (field[client, row] for field in self.rows)
        if not inside.all():
            x, y, mask = (f.masked_fill(~there.view(*there.shape, *[1] * (f.ndim - 2)), 0) for f in (x, y, mask))
        return Batch(x, y, mask)
