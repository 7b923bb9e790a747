"""The door of every command: what goes wrong for people ends as one message and an exit code."""

import errno
import sys
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Protocol

from simulation.cli.errors import BadInput, RunDiverged, RunFailed
from simulation.cli.exits import BAD_INPUT, DIVERGED, FAILED, INTERRUPTED, complain
from simulation.cli.interrupts import listen
from simulation.cli.streams import forgiving
from simulation.cli.words import whole

DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What a disk may say to who wants to write; anything else is a fault of ours, and shows its traceback."""

NAMES = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EACCES, errno.EPERM}
"""What is no name of a file or folder, or of none that may be used, wherever it was given: bad input."""


class Main(Protocol):
    """What a command line calls."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Run the command line, that of the process by default, and return the exit code."""


def door(work: Callable[[Sequence[str]], int]) -> Main:
    """Make a command's ``main`` of what it does: errors for people become one message and an exit code."""

    @wraps(work)
    def main(argv: Sequence[str] | None = None) -> int:
        forgiving()
        if threading.current_thread() is threading.main_thread():
            listen()
        try:
            return work(whole(sys.argv[1:] if argv is None else argv))
        except BadInput as error:
            return complain(error, BAD_INPUT)
        except RunFailed as error:
            return complain(error, DIVERGED if isinstance(error, RunDiverged) else FAILED)
        except KeyboardInterrupt as stop:
            return complain(str(stop) or "interrupted", INTERRUPTED)
        except MemoryError as error:
            return complain(f"memory is short: {str(error) or 'an allocation failed'}; give this job more", FAILED)
        except OSError as error:
            if error.errno not in DISK | NAMES:
                raise
            where, code = str(error.filename or "a file"), BAD_INPUT if error.errno in NAMES else FAILED
            return complain(f"{where[:200]}{'…' * (len(where) > 200)}: {error.strerror}", code)

    return main
