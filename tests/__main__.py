"""``python -m tests``: the tests in processes side by side, for deployed ones wait more than they compute.

What is named goes on to each of them, such as ``-m "not slow"``. What starts Ray is one part: two of them at once would
starve each other. A folder that no part names belongs to the last.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.needs import TOGETHER, together

HERE = Path(__file__).resolve().parent
EVERYTHING = ["tests"]
PARTS = {
    "deployed": ("not ray", ["tests/deployment"]),
    "ray": ("ray", EVERYTHING),
    "commands": ("not ray", ["tests/simulation"]),
    "mathematics": ("not ray", ["tests/metafed", "tests/planted"]),
}
REST = "not ray"
NOTHING_CHOSEN = 5


def main(words: list[str]) -> int:
    """Return 0 if all went well, and print what each part printed, the last one's as it goes on."""
    # many processes import the same files: they are compiled once, whatever the machine says
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    elsewhere = [f"--ignore={path}" for _, paths in PARTS.values() if paths is not EVERYTHING for path in paths]
    began, codes, started = time.monotonic(), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ[TOGETHER] = str(Path(folder, "left out"))
        for name, (mark, paths) in PARTS.items():
            with Path(folder, name).open("w") as log:
                started[name] = subprocess.Popen(
                    pytest(name, mark, words, paths), cwd=HERE.parent, stdout=log, stderr=subprocess.STDOUT
                )
        codes["rest"] = subprocess.run(
            pytest("rest", REST, words, [*elsewhere, *EVERYTHING]), cwd=HERE.parent
        ).returncode
        for name, process in started.items():
            codes[name] = process.wait()
            print(f"\n== {name}\n{Path(folder, name).read_text(errors='replace')}", flush=True)
        left_out = together(Path(folder, "left out"))
    failed = [name for name, code in codes.items() if code not in (0, NOTHING_CHOSEN)]
    print(f"== {time.monotonic() - began:.0f} s in all; {'failed: ' + ', '.join(failed) if failed else 'all is well'}")
    print(left_out)
    return 1 if failed or set(codes.values()) == {NOTHING_CHOSEN} else 0


def pytest(name: str, mark: str, words: list[str], paths: list[str]) -> list[str]:
    """Return the command of a part: those with its mark of the tests that ``words`` choose."""
    words, chosen = list(words), [mark]
    while "-m" in words:
        at = words.index("-m")
        chosen.append(f"({words[at + 1]})")
        del words[at : at + 2]
    cache = f"cache_dir=.pytest_cache/{name}"
    return [sys.executable, "-m", "pytest", "-o", cache, "-m", " and ".join(chosen), *words, *paths]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
