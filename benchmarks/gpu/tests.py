"""The tests that need a card."""

import subprocess
import sys
from pathlib import Path

from benchmarks.gpu.budget import Part

ROOT = Path(__file__).resolve().parents[2]
TESTS = "tests/integration/test_gpu.py"


def tests(part: Part) -> None:
    """Run the tests marked ``gpu``, or only collect them, and keep the last lines of what they say.

    Raises:
        RuntimeError: One failed, or there is no pytest.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", TESTS, "-p", "no:cacheprovider"]
    if part.quick:
        command.append("--collect-only")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=part.left, cwd=ROOT)
    except subprocess.TimeoutExpired as late:
        part.found["said"] = (late.stdout or b"").decode(errors="replace").splitlines()[-30:]
        raise RuntimeError(f"the tests took more than {part.seconds:.0f} s") from None
    part.found["said"] = done.stdout.splitlines()[-30:]
    if done.returncode != 0:
        raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
