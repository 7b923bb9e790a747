"""Writing that nobody waits for: a thread that does what it is given, in order, while the next round is computed."""

import threading
from collections.abc import Callable
from queue import Queue
from typing import final

WAITING = 4
"""Tasks that wait at most, so that memory stays bounded where writing is slower than computing."""


def unwritten(error: BaseException) -> str:
    """Return what is said where a record cannot be written; an error without words, as of memory, has a name."""
    short = "memory is short" if isinstance(error, MemoryError) else ""
    return f"the record cannot be written: {str(error) or short or type(error).__name__}"


class WritingFailed(RuntimeError):
    """Something could not be written; nothing that was asked for after it was."""


@final
class Writer:
    """Does tasks one after the other on one thread.

    After the first that fails nothing more is done: whoever asks next, or waits, gets ``WritingFailed``.
    """

    def __init__(self) -> None:
        self._tasks: Queue[Callable[[], object] | None] = Queue(WAITING)
        self._failed: BaseException | None = None
        # a daemon: a process that dies of something else does not hang on it
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def __call__(self, task: Callable[[], object]) -> None:
        """Have ``task`` done after those before it; waits while too many wait already.

        A task that Ctrl-C cuts off within Polars is begun again: it must leave no trace before its last call of that.

        Raises:
            WritingFailed: A task before it failed; this one is not done.
        """
        self._tell()
        self._tasks.put(task)

    def flush(self) -> None:
        """Wait until everything is done.

        Raises:
            WritingFailed: Something was not.
        """
        self._tasks.join()
        self._tell()

    def close(self) -> None:
        """Do what is left and end the thread. May be called twice.

        Raises:
            WritingFailed: Something was not done.
        """
        if self._thread.is_alive():
            self._tasks.put(None)
            self._thread.join()
        self._tell()

    def _tell(self) -> None:
        if self._failed is not None:
            raise WritingFailed(unwritten(self._failed)) from self._failed

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                if self._failed is None:
                    _whole(task)
            except BaseException as error:  # were the thread to end here, all others would wait for it forever
                self._failed = error
            finally:
                self._tasks.task_done()


def _whole(task: Callable[[], object]) -> None:
    """Do a task, again if need be: Polars raises the main thread's Ctrl-C in any thread that it works in, too."""
    while True:
        try:
            task()
        except KeyboardInterrupt:
            continue
        return
