"""Ctrl-C, SIGTERM and SIGHUP, held back while something runs that must not be cut off halfway."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from simulation.cli.exits import INTERRUPTED

NOTHING_LEFT = "interrupted; nothing is left behind"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_back() -> Iterator[list[int]]:
    """Hold the signals back while the block runs; the list has those that came, for whoever opened it to act on.

    Ray does not survive an interrupt while it starts: processes stay behind, or it crashes. And it puts handlers of
    its own in the place of ours, which are put back. On another thread than the main one, where no signal comes,
    nothing is held.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in SIGNALS}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def whole_imports() -> Iterator[None]:
    """Import heavy packages in the block; a signal that comes meanwhile interrupts after it.

    Where a package starts in C an interrupt would end as an error of its own, or be lost.

    Raises:
        KeyboardInterrupt: One came.
    """
    with held_back() as came:
        yield
    if came:
        raise KeyboardInterrupt


def leave_at_once() -> None:
    """End this process with one message where a signal comes, until ``listen``: while nothing is begun yet."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        os.write(2, f"metafed: {NOTHING_LEFT}\n".encode())
        os._exit(INTERRUPTED)

    _handle(leave, SIGNALS)


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Treat a signal as Ctrl-C: a handler for SIGTERM and SIGHUP."""
    raise KeyboardInterrupt


def listen() -> None:
    """Treat SIGTERM and SIGHUP as Ctrl-C, but for one that is ignored, as SIGHUP is by ``nohup``."""
    _handle(signal.default_int_handler, SIGNALS[:1])
    _handle(interrupt, SIGNALS[1:])


def _handle(handler: Callable[[int, FrameType | None], object], signals: Sequence[signal.Signals]) -> None:
    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
