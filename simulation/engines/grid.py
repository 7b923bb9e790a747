"""What our grids have in common: one node, a pool that hosts every client and answers in process or by workers."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from flwr.app import Context, Message, RecordDict
from flwr.app.error import Error
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from client.device import processor
from simulation.engines.states import PoolStates

SERVER: Final = 1
POOL: Final = 2
RUN: Final = 1
CLIENT_FAILED: Final = 2
"""Flower's error code for a ClientApp that raised."""


def take_identity() -> None:
    """Say who this process is, as Flower's runtimes do; ``flwr.app.Message`` cannot be made without it.

    A process that already is somebody, since it runs under a Flower runtime, stays who it is.
    """
    if TaskIdentity._task_id is None:
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, RUN, SERVER


def pool_context(run_config: dict[str, Any], device: str) -> Context:
    """Return the context that the ClientApp sees in our engines.

    No partition: it hosts every client. All of it is one machine's, or one cluster's: rows of single clients may leave,
    and predictions for their rows.
    """
    config: dict[str, int | float | str | bool] = {"device": device, "share-client-rows": True}
    return Context(RUN, POOL, config | {"share-predictions": True}, RecordDict(), run_config)


def named(message: Message) -> list[int]:
    """Return the clients that a message names; none in a query."""
    ask = message.content.config_records.get("ask")
    return cast(list[int], ask["clients"]) if ask and "clients" in ask else []


def failed(message: Message, reason: str) -> Message:
    """Return the error reply to ``message``."""
    return Message(Error(CLIENT_FAILED, reason), reply_to=message)


class PoolGrid(Grid):
    """A grid of one node. Subclasses say how its messages are answered, and how the pool is closed."""

    def __init__(self) -> None:
        take_identity()
        # any worker may get a client next: the driver keeps what the client's own device would
        self.states = PoolStates()

    @property
    def device(self) -> Mapping[str, str]:
        """What clients are trained on, for the manifest: ``device`` (cpu, cuda, cuda:N) and its ``name``."""
        return {"device": "cpu", "name": processor()}

    @abstractmethod
    def answer(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        """Return the replies that came within ``timeout`` seconds, errors included, in any order."""

    def turn(self, run_config: dict[str, Any]) -> None:
        """Serve another experiment from now on, by the same workers; what clients kept of the last is forgotten.

        A pool that cannot refuses.
        """
        raise RuntimeError("this pool serves the run that it was made for")

    @abstractmethod
    def close(self) -> None:
        """Release what the pool holds. May be called twice."""

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Have the messages answered."""
        return self.answer(list(messages), timeout)

    def get_node_ids(self) -> Iterable[int]:
        """Return the one node."""
        return [POOL]

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Make a message, as Flower's own grids do."""
        return Message(content, dst_node_id, message_type, group_id=group_id, ttl=ttl)

    def set_run(self, run: Run) -> None:
        """Refuse: a pool serves the run that it was made for."""
        raise RuntimeError("a pool serves one run, the one that it was made for")

    @property
    def run(self) -> Run:
        """Refuse: there is no Flower runtime that knows this run."""
        raise RuntimeError("a pool's run is not known to a Flower runtime")

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Refuse: a pool answers at once; use ``send_and_receive``."""
        raise RuntimeError("a pool answers at once; use send_and_receive")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Refuse: a pool answers at once; use ``send_and_receive``."""
        raise RuntimeError("a pool answers at once; use send_and_receive")
