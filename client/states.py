"""Personal states of clients: they live in Flower's ``Context.state``, in every way of running."""

from collections.abc import Iterator, MutableMapping
from typing import TypeAlias

import numpy as np
from flwr.app import Array, ArrayRecord, RecordDict

States: TypeAlias = MutableMapping[int, np.ndarray]
"""Each client's personal state as one flat vector, by client id; only clients that were trained have one."""

PREFIX = "state/"


class ContextStates(MutableMapping[int, np.ndarray]):
    """The personal states in a node's ``Context.state``, which Flower keeps from message to message."""

    def __init__(self, records: RecordDict) -> None:
        self._records = records

    def __getitem__(self, client: int) -> np.ndarray:
        return self._records.array_records[f"{PREFIX}{client}"]["flat"].numpy()

    def __setitem__(self, client: int, flat: np.ndarray) -> None:
        self._records[f"{PREFIX}{client}"] = ArrayRecord({"flat": Array(flat)})

    def __delitem__(self, client: int) -> None:
        del self._records[f"{PREFIX}{client}"]

    def __iter__(self) -> Iterator[int]:
        return (int(key.removeprefix(PREFIX)) for key in self._records if key.startswith(PREFIX))

    def __len__(self) -> int:
        return sum(1 for _ in self)
