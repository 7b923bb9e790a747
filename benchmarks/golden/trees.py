"""Trees of older commits, to be compared with this one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def git(*words: str) -> str:
    """Run git here."""
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def worktree(revision: str) -> Iterator[Path]:
    """Give a folder with the tree of ``revision``, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "base"
        git("worktree", "add", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))
