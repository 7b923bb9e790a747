"""The messages of a round that wait for a worker: each for the one that had the same clients in the round before."""

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar, final

from flwr.app import Message

from simulation.engines.grid import named

Worker = TypeVar("Worker", bound=Hashable)


@final
class Queue(Generic[Worker]):
    """Gives an idle worker its next message, such that a client's rows stay in the memory of one process.

    A worker gets the messages first whose clients it had in the last round of their kind; then those that nobody
    had, in their order; then it helps out whom most is left for. So none is idle while a message waits. Who answers
    does not show in the answers.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], Worker] = {}
        self._own: dict[Worker, deque[tuple[Message, int]]] = {}
        self._free: deque[tuple[Message, int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._free) or any(self._own.values())

    def fill(self, messages: Iterable[Message], workers: Iterable[Worker]) -> None:
        """Have the messages of a round wait, for the first time each; what waited before is forgotten.

        Args:
            messages: They.
            workers: Who is there.
        """
        self._free, self._own = deque(), {worker: deque() for worker in workers}
        before, kinds = self._last, set()
        for message in messages:
            kinds.add(message.metadata.message_type)
            self._own.get(before.get(_key(message)), self._free).append((message, 1))  # type: ignore[arg-type]
        self._last = {key: worker for key, worker in before.items() if key[0] not in kinds}

    def again(self, message: Message, tries: int) -> None:
        """Have a message wait that got no answer, for whoever is idle."""
        self._free.append((message, tries))

    def next(self, worker: Worker) -> tuple[Message, int]:
        """Return the next message for a worker, and how often it was given out with this time."""
        own = self._own.get(worker)
        message, tries = (
            own.popleft() if own else self._free.popleft() if self._free else max(self._own.values(), key=len).pop()
        )
        self._last[_key(message)] = worker
        return message, tries

    def rest(self) -> list[Message]:
        """Return all messages that wait, which then wait no longer."""
        left = [message for waiting in (*self._own.values(), self._free) for message, _ in waiting]
        self._free, self._own = deque(), {}
        return left


def _key(message: Message) -> tuple[str, int]:
    """Return what a message is known by in the next round: its kind and the first of its clients."""
    clients = named(message)
    return message.metadata.message_type, clients[0] if clients else -1
