"""Where the code of a run came from, and by which command."""

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECRET = re.compile(r"--?[\w-]*(token|secret|password)[\w-]*", re.IGNORECASE)
"""Names of flags whose values are nobody's business; Flower starts a ServerApp with ``--token``."""
HIDDEN = "(not kept)"


def without_secrets(argv: Sequence[str]) -> list[str]:
    """Return a command line with the values of such flags replaced, whether they follow ``=`` or come next."""
    kept: list[str] = []
    hide = False
    for word in argv:
        flag, equals, _ = word.partition("=")
        secret = SECRET.fullmatch(flag) is not None
        # the word after is hidden whatever it looks like: a token may begin with a dash
        kept.append(HIDDEN if hide else f"{flag}={HIDDEN}" if secret and equals else word)
        hide = secret and not equals and not hide
    return kept


def started_in(folder: Path) -> str | None:
    """Return the working folder, as seen from a record in ``folder``: from there its relative paths count.

    A path from one to the other stays right where both are moved or copied together, and names no more of this machine
    than it must. None where the working folder was removed.
    """
    try:
        return os.path.relpath(os.path.realpath(os.getcwd()), os.path.realpath(folder))
    except OSError:
        return None


def git_state() -> dict[str, str | bool | None]:
    """Return the commit of the checkout that this package runs from, and a hash of what differs from it.

    An installed package without a checkout has neither: the values are None.
    """
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *arguments],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=10,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout

    commit = git("rev-parse", "HEAD") if (root / ".git").exists() else None
    if commit is None:
        return {"commit": None, "dirty": None, "diff_sha256": None}
    diff = git("diff", "HEAD") or ""
    return {
        "commit": commit.strip(),
        "dirty": bool(diff),
        "diff_sha256": hashlib.sha256(diff.encode()).hexdigest() if diff else None,
    }
