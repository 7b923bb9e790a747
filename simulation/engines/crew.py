"""The workers of a Ray engine: who is idle, and who has yet to say that it lives."""

import logging
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import final

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError

log = logging.getLogger("metafed")


@final
class Crew:
    """Keeps a number of workers alive.

    Where one is lost others may be, too: those of one node are lost together, and a new one may have to wait for
    room. So the idle ones and the new one are asked, and none gets a message before it has answered.

    Args:
        make: Starts a worker; it has a method ``alive``.
        size: How many there are.
    """

    def __init__(self, make: Callable[[], ActorHandle], size: int) -> None:
        self._new, self.size = make, size
        self._numbers = count()
        self._order: dict[ActorHandle, int] = {}
        self.idle: deque[ActorHandle] = deque(self._make() for _ in range(size))
        self.asked: dict[ray.ObjectRef, ActorHandle] = {}
        self.patience = size
        """How many that never said that they live are replaced until ``rested`` is called."""

    def rested(self) -> None:
        """Start anew with the count of those that never lived, and with the idle in one order.

        In the order in which they happened to become idle, a worker would get other clients each round, and have to
        make the rows anew of those that it does not keep.
        """
        self.patience = self.size + 2
        self.idle = deque(sorted(self.idle, key=self._order.__getitem__))

    def lost(self, worker: ActorHandle, why: str) -> None:
        """Replace a worker that died with its work, and ask the idle ones whether they live."""
        log.warning("a worker is lost and replaced: %s", why)
        self.replace(worker)
        while self.idle:
            self._ask(self.idle.popleft())

    def replace(self, worker: ActorHandle) -> None:
        """Stop a worker and start another in its place."""
        ray.kill(worker)
        del self._order[worker]
        self._ask(self._make())

    def stop(self) -> None:
        """Stop all workers."""
        for worker in self._order:
            ray.kill(worker)

    def answered(self, answer: ray.ObjectRef) -> None:
        """Take in what a worker that was asked said; one that is dead is replaced, unless too many were."""
        worker = self.asked.pop(answer)
        try:
            ray.get(answer)
            self.idle.append(worker)
        except RayError as error:
            self.patience -= 1
            log.warning("a worker does not live: %s", type(error).__name__)
            if self.patience > 0:
                self.replace(worker)

    def _make(self) -> ActorHandle:
        worker = self._new()
        self._order[worker] = next(self._numbers)
        return worker

    def _ask(self, worker: ActorHandle) -> None:
        self.asked[worker.alive.remote()] = worker
