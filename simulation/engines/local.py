"""``--engine local``: the ClientApp in this process, one message after the other."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from flwr.app import Message

from client.app import app
from client.device import name, resolve
from simulation.engines.grid import PoolGrid, failed, named, pool_context


class LocalGrid(PoolGrid):
    """Answers every message in this process.

    Raises:
        NoDevice: The device is not here.
    """

    def __init__(self, run_config: dict[str, Any], device: str = "cpu") -> None:
        super().__init__()
        self._device = resolve(device)
        self._context = pool_context(run_config, str(self._device))

    @property
    def device(self) -> Mapping[str, str]:
        """This process's."""
        return {"device": str(self._device), "name": name(self._device)}

    def answer(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        """Answer the messages in their order; those after the deadline get no answer."""
        deadline = None if timeout is None else time.monotonic() + timeout
        replies = []
        for message in messages:
            if deadline is not None and time.monotonic() > deadline:
                break
            self._context.state = self.states.of(named(message))
            try:
                replies.append(app(message, self._context))
                self.states.update(self._context.state)
            except Exception as error:
                replies.append(failed(message, f"{type(error).__name__}: {error}"))
        return replies

    def turn(self, run_config: dict[str, Any]) -> None:
        """Serve another experiment from now on, from fresh personal states."""
        self._context = pool_context(run_config, str(self._device))
        self.states.restore({})

    def close(self) -> None:
        """Nothing is held."""
