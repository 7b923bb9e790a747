"""``python -m benchmarks.gpu``: all that a card is needed for, in one command of less than nine minutes.

Every part runs in a process of its own, with a time of its own; one that fails, hangs or takes too long costs itself
alone, and the file says why. The file is written after every part. On a machine with PyTorch alone ``--install`` has
pip bring what else is needed. ``--device cpu --quick`` tries all parts on tiny sizes, in this process.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
PARTS = {
    "parity": ("benchmarks.gpu.correct:parity", 50.0),
    "determinism": ("benchmarks.gpu.correct:determinism", 30.0),
    "halving": ("benchmarks.gpu.correct:halving", 30.0),
    "peak": ("benchmarks.gpu.speed:peak", 20.0),
    "rounds": ("benchmarks.gpu.speed:rounds", 130.0),
    "chunks": ("benchmarks.gpu.speed:chunks", 40.0),
    "omniglot": ("benchmarks.gpu.omniglot:omniglot", 110.0),
    "tests": ("benchmarks.gpu.tests:tests", 70.0),
}
"""What is done, in this order, and its seconds."""
GRACE = 15.0
"""Seconds beyond a part's own after which it is ended: for PyTorch's start, and for what it began in time."""
WHOLE = 520.0
"""Seconds of all parts; those that would begin later are left out. With the last one's grace: below nine minutes."""
NEEDED = ("numpy", "pydantic", "flwr", "cachetools", "tyro", "rich", "polars", "scipy", "pytest", "hypothesis")
"""What must be importable beside PyTorch; the last four by the part of the tests alone."""
INSTALL = 60.0
"""Seconds of pip for all of it."""
SIGN = "benchmarks.gpu found: "


def main(argv: Sequence[str] | None = None) -> int:
    """Run the parts and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="the file for the figures")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="where to compute")
    parser.add_argument("--quick", action="store_true", help="tiny sizes in this process: it measures nothing")
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=list(PARTS), help="these parts")
    parser.add_argument("--data-dir", default="", help="where Omniglot lies")
    parser.add_argument("--install", action="store_true", help="have pip install what metafed needs beside PyTorch")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.part:
        tell(inside(options.part, options, options.seconds, lambda part: tell({"found": part.found})))
        return 0
    begun, figures = time.monotonic(), {}
    if options.install:
        figures["packages"] = installed()
    try:
        about = machine(options.device)
    except RuntimeError as error:
        print(f"metafed: {error}", file=sys.stderr)
        return 2
    for name in options.only:
        seconds = min(PARTS[name][1], WHOLE - (time.monotonic() - begun))
        if seconds <= 0:
            figures[name] = {"state": "left out: no time is left"}
        elif options.quick:
            figures[name] = inside(name, options, seconds)
        else:
            figures[name] = apart(name, options, seconds)
        save(options, about, figures, time.monotonic() - begun)
        print(f"{name:<12} {figures[name]['state']}", flush=True)
    return 0 if all(each["state"] == "done" for each in figures.values()) else 1


def machine(device: str) -> dict[str, Any]:
    """Return what is known of the machine.

    Raises:
        RuntimeError: There is no such device.
    """
    import torch

    about: dict[str, Any] = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "missing": [name for name in NEEDED if importlib.util.find_spec(name) is None],
    }
    if device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError(f"--device cuda: PyTorch {torch.__version__} finds no card; choose --device cpu --quick")
        card = torch.cuda.get_device_properties(0)
        about |= {"card": card.name, "memory_mib": card.total_memory / 2**20, "cuda": torch.version.cuda}
    return about


def installed() -> dict[str, Any]:
    """Have pip install what is missing, as pyproject.toml names it, each by itself; Flower without its simulation."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        re.split(r"[^\w-]", line)[0]: line.replace("[simulation]", "")
        for line in (*project["dependencies"], *project["optional-dependencies"]["dev"])
    }
    until, found = time.monotonic() + INSTALL, {}
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            words = [sys.executable, "-m", "pip", "install", "-q", "--retries", "1", "--timeout", "10", named[name]]
            code, _, errors = run(words, until - time.monotonic())
            found[name] = "installed" if code == 0 else f"failed: {errors[-300:] or 'no time was left'}"
    importlib.invalidate_caches()
    failed = [name for name, state in found.items() if state != "installed"]
    return {"state": f"failed: {', '.join(failed)}" if failed else "done", "found": found}


def run(command: list[str], seconds: float) -> tuple[int | None, str, str]:
    """Run a command with all that it starts, and return its code, None where it was ended, and what it said."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE, start_new_session=True
    ) as process:
        code = None
        try:
            out, errors = process.communicate(timeout=max(seconds, 0.0))
            code = process.returncode
        except subprocess.TimeoutExpired:
            # what it started holds its pipes: ended alone it would be waited for without end
            os.killpg(process.pid, signal.SIGKILL)
            out, errors = process.communicate()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return code, out, errors


def tell(result: dict[str, Any]) -> None:
    """Print what a part found, for the process that started it."""
    print(SIGN + json.dumps(result, default=str), flush=True)


def inside(
    name: str, options: argparse.Namespace, seconds: float, tell: Callable[[Any], object] = lambda part: None
) -> dict[str, Any]:
    """Run a part in this process; whatever it raises is recorded beside what it found before."""
    begun, found, left_out, state = time.monotonic(), {}, [], "done"
    try:
        from benchmarks.gpu.budget import Part

        part = Part(options.device, seconds, options.quick, options.data_dir, tell=tell)
        found, left_out = part.found, part.left_out
        where, _, function = PARTS[name][0].partition(":")
        getattr(import_module(where), function)(part)
    except Exception as error:
        state = f"failed: {type(error).__name__}: {error}"
        left_out = [*left_out, traceback.format_exc()[-1500:]]
    return {"state": state, "seconds": time.monotonic() - begun, "found": found, "left_out": left_out}


def apart(name: str, options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Run a part in a process of its own, which is ended when its time is over."""
    code, said, errors = run(command_of(name, options, seconds), seconds + GRACE)
    if code is None:
        return {**last(said), "state": f"failed: it took more than {seconds + GRACE:.0f} s and was ended"}
    # without a state it was ended between two steps
    return {"state": f"failed: it ended with {code}: {errors[-500:]}", **last(said)}


def command_of(name: str, options: argparse.Namespace, seconds: float) -> list[str]:
    """Return the command of a part in a process of its own."""
    words = ["--part", name, "--seconds", str(seconds), "--device", options.device, "--data-dir", options.data_dir]
    return [sys.executable, "-m", "benchmarks.gpu", *words]


def last(said: str) -> dict[str, Any]:
    """Return what a part told last; nothing where it told nothing that is whole."""
    for line in reversed(said.splitlines()):
        if line.startswith(SIGN):
            with suppress(ValueError):
                return dict(json.loads(line.removeprefix(SIGN)))
    return {}


def save(options: argparse.Namespace, about: dict[str, Any], figures: dict[str, Any], seconds: float) -> None:
    """Write the file, all or nothing; what was there before is replaced."""
    result = {
        "benchmark": "gpu",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "settings": {"device": options.device, "quick": options.quick, "only": options.only},
        "seconds": seconds,
        "figures": figures,
    }
    draft = options.json.with_name(f"{options.json.name}.draft")
    draft.write_text(json.dumps(result, indent=1, default=str) + "\n", encoding="utf-8")
    draft.replace(options.json)


if __name__ == "__main__":
    raise SystemExit(main())
