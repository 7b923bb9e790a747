"""The tests that need a card."""

import subprocess
import sys
import tempfile
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
    # a file: what the tests start, and leave, would keep a pipe open
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        try:
            code: int | None = subprocess.run(
                command, stdout=said, stderr=subprocess.STDOUT, timeout=part.left, cwd=ROOT
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
        said.seek(0)
        part.found["said"] = said.read().splitlines()[-30:]
    if code is None:
        raise RuntimeError(f"the tests took more than {part.seconds:.0f} s")
    if code != 0:
        raise RuntimeError(f"pytest ended with {code}: {' '.join(part.found['said'])[-300:]}")
