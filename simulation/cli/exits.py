"""Exit codes, and how a command says why it ends with one."""

import sys

DONE, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def complain(message: object, code: int) -> int:
    """Print one message on standard error, and return ``code``."""
    print(f"metafed: {message}", file=sys.stderr)
    return code
