"""The personal states of a pool's clients: any worker may get a client next, so they travel with its messages."""

from collections.abc import Iterable, Mapping
from typing import final

import numpy as np
from flwr.app import Array, ArrayRecord, RecordDict

from client.states import PREFIX


@final
class PoolStates:
    """Each client's state as Flower's record of it, and what the states were when a round was last marked.

    Only what changed since the mark is kept twice. An interrupt may come between any two lines: what ``marked``
    returns is right all the same.
    """

    def __init__(self) -> None:
        self._records: dict[str, ArrayRecord] = {}
        self._mark: tuple[int, dict[str, ArrayRecord | None]] = (-1, {})

    def of(self, clients: Iterable[int]) -> RecordDict:
        """Return the records of these clients, of those that have one."""
        if not self._records:
            return RecordDict()
        keys = [f"{PREFIX}{client}" for client in clients]
        return RecordDict({key: self._records[key] for key in keys if key in self._records})

    def update(self, records: RecordDict) -> None:
        """Take over the states that a message left."""
        before = self._mark[1]
        for key, record in records.array_records.items():
            if key.startswith(PREFIX):
                before.setdefault(key, self._records.get(key))
                self._records[key] = record

    def mark(self, server_round: int) -> None:
        """Take note that a round is finished: ``marked`` is of now."""
        self._mark = (server_round, {})

    def marked(self) -> tuple[int, dict[int, np.ndarray]]:
        """Return the round last marked, and each client's state ``(S,)`` as it was then."""
        server_round, before = self._mark
        then = {**self._records, **before}
        return server_round, {
            int(key.removeprefix(PREFIX)): record["flat"].numpy() for key, record in then.items() if record is not None
        }

    def restore(self, states: Mapping[int, np.ndarray]) -> None:
        """Replace all states."""
        self._records = {f"{PREFIX}{client}": ArrayRecord({"flat": Array(flat)}) for client, flat in states.items()}
        self._mark = (-1, {})
