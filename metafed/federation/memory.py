"""What of clients' rows stays in memory: up to a number of bytes, whoever comes round after round included."""

from random import Random
from typing import Generic, TypeVar, final

T = TypeVar("T")


@final
class Store(Generic[T]):
    """Values by client, up to ``room`` bytes; where there is none left, one drawn at random goes.

    Not the one that was used longest ago: a cohort comes in the same order round after round, and where it is a
    little larger than the room each client's rows would go just before they are asked for again, so that none were
    ever found. What is drawn shows in times alone: rows that went are made again, to the same bits.

    Args:
        room: Bytes of all values at most.
    """

    def __init__(self, room: int) -> None:
        self._room, self._used = room, 0
        self._values: dict[int, tuple[T, int, int]] = {}  # the value, its bytes, its position among the clients
        self._clients: list[int] = []
        self._random = Random(0)

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, client: int) -> T | None:
        """Return what is stored of a client; None if nothing is."""
        found = self._values.get(client)
        return None if found is None else found[0]

    def put(self, client: int, value: T, size: int) -> None:
        """Store the value of a client that has none yet, of ``size`` bytes; one that is larger than the room is not."""
        if size > self._room:
            return
        while self._used + size > self._room:
            self._drop(self._random.randrange(len(self._clients)))
        self._values[client] = value, size, len(self._clients)
        self._clients.append(client)
        self._used += size

    def _drop(self, position: int) -> None:
        """Forget the client at a position; the last one takes its place."""
        client, last = self._clients[position], self._clients.pop()
        self._used -= self._values.pop(client)[1]
        if client != last:
            value, size, _ = self._values[last]
            self._values[last], self._clients[position] = (value, size, position), last
