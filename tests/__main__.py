"""``python -m tests``: the tests in processes side by side, for deployed ones wait more than they compute.

What is named goes on to each of them, such as ``-m "not slow"``. A folder that no part names belongs to the last.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.needs import TOGETHER, together

HERE = Path(__file__).resolve().parent
PARTS = {
    "deployed": ["tests/deployment"],
    "commands": ["tests/simulation"],
    "federations": ["tests/integration", "tests/laws", "tests/server", "tests/client"],
}
NOTHING_CHOSEN = 5


def main(words: list[str]) -> int:
    """Return 0 if all went well, and print what each part printed, the last one's as it goes on."""
    # many processes import the same files: they are compiled once, whatever the machine says
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    elsewhere = [f"--ignore={path}" for paths in PARTS.values() for path in paths]
    began, codes, started = time.monotonic(), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ[TOGETHER] = str(Path(folder, "left out"))
        for name, paths in PARTS.items():
            with Path(folder, name).open("w") as log:
                started[name] = subprocess.Popen(
                    pytest(name, *words, *paths), cwd=HERE.parent, stdout=log, stderr=subprocess.STDOUT
                )
        codes["rest"] = subprocess.run(pytest("rest", *words, *elsewhere, "tests"), cwd=HERE.parent).returncode
        for name, process in started.items():
            codes[name] = process.wait()
            print(f"\n== {name}\n{Path(folder, name).read_text(errors='replace')}", flush=True)
        left_out = together(Path(folder, "left out"))
    failed = [name for name, code in codes.items() if code not in (0, NOTHING_CHOSEN)]
    print(f"== {time.monotonic() - began:.0f} s in all; {'failed: ' + ', '.join(failed) if failed else 'all is well'}")
    print(left_out)
    return 1 if failed or set(codes.values()) == {NOTHING_CHOSEN} else 0


def pytest(name: str, *words: str) -> list[str]:
    """Return the command of a part; each has a cache of its own."""
    return [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{name}", *words]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
