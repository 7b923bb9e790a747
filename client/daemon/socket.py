"""Asking the process that stays: found by its door, a Unix socket in a private folder, started where there is none.

Messages go through it by the standard library's ``multiprocessing.connection``, as Flower's own protocol buffers, never
as pickles. There is one process a node and version of the app; it ends with the node, or after two minutes without a
question. If it dies in the middle of an answer that message fails, as it would have with a process of its own, and the
next one starts another. One that does not come to a next question within the time of a round is ended, and replaced.
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection
from pathlib import Path

from flwr.app import Context, Message
from flwr.common.serde import context_from_proto, context_to_proto, message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Context as ContextProto
from flwr.proto.message_pb2 import Message as MessageProto
from flwr.supercore.task_identity import TaskIdentity

RESIDENT = "resident"
"""Entry of a node's config: the folder of doors."""
STARTING = 180.0
"""Seconds that the process has to start; a busy machine takes its time."""
PATIENCE = 3600.0
"""Seconds to wait for one's turn, where the run config has no ``round-timeout``."""
PAUSE = 0.02
LONGEST = 100
"""Bytes of a socket's path at most: the system's limit is a little higher."""
HERE, ANSWERED, FAILED = b"here", b"answered", b"failed"


class NotAnswered(RuntimeError):
    """The process that stays raised an error, whose text this is, or ended."""


def ask(folder: str, message: Message, context: Context) -> Message:
    """Return the answer of the process that stays; the context's state is what it has made of it.

    Args:
        folder: Where its door is.
        message: The question.
        context: The node's.

    Raises:
        NotAnswered: It failed, or others could enter the folder.
    """
    with _line(Path(folder), context) as line:
        try:
            line.send_bytes(str(TaskIdentity.task_id).encode())
            line.send_bytes(message_to_proto(message).SerializeToString())
            line.send_bytes(context_to_proto(context).SerializeToString())
            text, answer, state = line.recv_bytes(), line.recv_bytes(), line.recv_bytes()
        except (OSError, EOFError) as error:
            raise NotAnswered(f"the host's process ended while it answered ({type(error).__name__})") from None
    if text != ANSWERED:
        raise NotAnswered(answer.decode("utf-8", "replace"))
    context.state = context_from_proto(ContextProto.FromString(state)).state
    return message_from_proto(MessageProto.FromString(answer))


@contextmanager
def _line(folder: Path, context: Context) -> Iterator[Connection]:
    """Connect to the process of this app and node, which is started where there is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise NotAnswered(f"{RESIDENT} = {str(folder)!r}: others may enter this folder; chmod 700, or name another one")
    door = folder / _named(context)
    # of several messages at once the first starts it
    with door.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        patience = float(str(context.run_config.get("round-timeout", PATIENCE)))
        line = _entered(door, patience) or _started(door)
    with line:
        yield line


def _named(context: Context) -> str:
    """Return the name of a door: it follows from where this app's code lies, and from the node's config."""
    text = json.dumps({"code": str(_code()), "node": dict(context.node_config)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _code() -> Path:
    return Path(__file__).resolve().parents[2]


@contextmanager
def reached(door: Path) -> Iterator[str]:
    """Name a socket by a path that is short enough for the system."""
    if len(os.fsencode(door)) <= LONGEST:
        yield str(door)
        return
    folder = os.open(door.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{door.name}"
    finally:
        os.close(folder)


def _entered(door: Path, patience: float) -> Connection | None:
    """Go through a door and wait for one's turn; None where nobody is behind it, or whoever is does not come."""
    with suppress(OSError, EOFError), reached(door) as path:
        line = Client(path, family="AF_UNIX")
        if line.poll(patience) and line.recv_bytes() == HERE:
            return line
        line.close()
        os.kill(int(door.with_suffix(".pid").read_text(encoding="ascii")), signal.SIGKILL)
    return None


def _started(door: Path) -> Connection:
    """Start the process, which shares this one's log, and wait until it has opened its door.

    Raises:
        NotAnswered: It did not.
    """
    door.unlink(missing_ok=True)
    # the code that was sent for this run, whatever is installed or lies in the current folder
    paths = [str(_code()), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "client.daemon.process", str(door), str(os.getppid())],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    door.with_suffix(".pid").write_text(str(process.pid), encoding="ascii")
    deadline = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < deadline:
        if door.exists() and (line := _entered(door, STARTING)):
            return line
        time.sleep(PAUSE)
    process.kill()
    raise NotAnswered("the host's process did not start; the node's log says why")
