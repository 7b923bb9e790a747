"""Waiting for what other processes do."""

import time

PATIENCE = 120


def until(holds, what, patience=PATIENCE):
    """Return what ``holds()`` returns as soon as it is true."""
    deadline = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {patience} s in vain: {what}"
        time.sleep(0.2)
    return found


def said(log, words, patience=PATIENCE):
    """Wait until ``words`` stand in the file ``log``."""
    return until(lambda: words in log.read_text(errors="replace"), f"{words!r} in {log.name}", patience)
