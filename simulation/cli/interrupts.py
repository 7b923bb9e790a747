"""Ctrl-C, SIGTERM and SIGHUP, held back while something runs that must not be cut off halfway."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

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


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Treat a signal as Ctrl-C: a handler for SIGTERM and SIGHUP."""
    raise KeyboardInterrupt


def listen() -> None:
    """Treat SIGTERM and SIGHUP as Ctrl-C, but for one that is ignored, as SIGHUP is by ``nohup``."""
    for number in SIGNALS[1:]:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
