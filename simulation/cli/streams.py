"""Standard output and error that never end a computation: the record is what counts, not who looks on."""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO, final


@final
class _Forgiving(io.FileIO):
    """Writes to a descriptor until that fails; what is written after that is dropped.

    It fails where a reader left (``| head``), where a disk is full, or a terminal is gone.
    """

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """Write, or drop, all of ``data``."""
        if self.lost is None:
            try:
                return super().write(data) or 0
            except BlockingIOError:
                raise
            except OSError as error:
                self.lost = error
                if error.errno != errno.EPIPE and self.fileno() == 1:
                    # a reader who left knows; nobody knows of a full disk yet
                    say(f"metafed: standard output is lost: {error.strerror}")
        return memoryview(data).nbytes


def say(text: str) -> None:
    """Print to standard error, if it can be."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr)


def forgiving() -> None:
    """Let output to a stream that is closed, full, or knows few signs do no harm.

    Signs that its encoding lacks are replaced. Streams that are not the process's own, as in a notebook or a test, stay
    as they are.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # else the next file to be opened, one of the record, would have the number that others print to
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = _forgiving(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _forgiving(sys.stderr, sys.__stderr__, 2)


def output_lost() -> bool:
    """Say whether some of the standard output could not be written, for another reason than that its reader left."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Forgiving) and raw.lost is not None and raw.lost.errno != errno.EPIPE


def _forgiving(stream: TextIO | None, own: TextIO | None, number: int) -> TextIO:
    if stream is not None and stream is not own:
        return stream
    buffered = io.BufferedWriter(_Forgiving(number, "w", closefd=False))
    if stream is None:
        return io.TextIOWrapper(buffered, "utf-8", "backslashreplace")
    with suppress(OSError, ValueError):
        stream.flush()
    errors = "replace" if number == 1 else "backslashreplace"
    return io.TextIOWrapper(
        buffered, stream.encoding, errors, line_buffering=getattr(stream, "line_buffering", True), write_through=False
    )
