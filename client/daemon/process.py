"""``python -m client.daemon.process DOOR PID``: the process that stays at a node and answers message after message.

It listens at ``DOOR`` (see ``client.daemon.socket``), and ends with the process ``PID`` or after two minutes without a
question. What messages need is prepared once and kept, as in the workers of a simulation.
"""

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import final

import psutil
from flwr.common.serde import context_from_proto, context_to_proto, message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Context as ContextProto
from flwr.proto.message_pb2 import Message as MessageProto
from flwr.supercore.task_identity import TaskIdentity

from client.answering import app
from client.daemon.socket import ANSWERED, FAILED, HERE, reached

IDLE = 120.0
"""Seconds without a question after which it ends."""
WAITING = 16
"""Questions that may wait while one is answered."""
LOOK = 0.5


@final
class Watch:
    """Ends this process with another one, or when it has been idle for long.

    Args:
        parent: The other process.
        idle: Seconds.
    """

    def __init__(self, parent: psutil.Process, idle: float) -> None:
        self._parent, self._idle = parent, idle
        self._since: float | None = time.monotonic()
        threading.Thread(target=self._look, daemon=True).start()

    def busy(self) -> None:
        """Note that a question has come."""
        self._since = None

    def free(self) -> None:
        """Note that it has been answered."""
        self._since = time.monotonic()

    def _look(self) -> None:
        while self._parent.is_running():
            since = self._since
            if since is not None and time.monotonic() - since > self._idle:
                break
            time.sleep(LOOK)
        os._exit(0)


def answer(line: Connection) -> None:
    """Answer one question; an error is sent back, and stands in the log."""
    line.send_bytes(HERE)
    TaskIdentity.task_id = int(line.recv_bytes())
    message = message_from_proto(MessageProto.FromString(line.recv_bytes()))
    context = context_from_proto(ContextProto.FromString(line.recv_bytes()))
    TaskIdentity.run_id, TaskIdentity.node_id = context.run_id, context.node_id
    try:
        reply = app(message, context)
        pieces = (ANSWERED, message_to_proto(reply).SerializeToString(), context_to_proto(context).SerializeToString())
    except Exception as error:
        logging.getLogger("flwr").exception("a message could not be answered")
        pieces = (FAILED, f"{type(error).__name__}: {error}".encode(), b"")
    for piece in pieces:
        line.send_bytes(piece)


def main(door: Path, parent: int, idle: float = IDLE) -> None:
    """Serve until the end.

    Raises:
        psutil.NoSuchProcess: The other process has ended already.
    """
    watch = Watch(psutil.Process(parent), idle)
    with reached(door) as path, Listener(path, family="AF_UNIX", backlog=WAITING) as listener:
        while True:
            # who asks may be gone by now
            with suppress(OSError, EOFError), listener.accept() as line:
                watch.busy()
                try:
                    answer(line)
                finally:
                    watch.free()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
