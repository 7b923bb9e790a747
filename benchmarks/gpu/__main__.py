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
WHOLE = 530.0
"""Seconds of all parts; those that would begin later are left out."""
NEEDED = ("numpy", "pydantic", "flwr", "cachetools", "polars", "scipy", "tyro")
"""What must be importable beside PyTorch."""
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
    """Have pip install what pyproject.toml names, without PyTorch, which is here."""
    named = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    wanted = [name for name in named if not name.startswith("torch")]
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", *wanted], capture_output=True, text=True)
    return {"state": "done" if done.returncode == 0 else f"failed: {done.stderr[-500:]}"}


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
    words = ["--part", name, "--seconds", str(seconds), "--device", options.device, "--data-dir", options.data_dir]
    command = [sys.executable, "-m", "benchmarks.gpu", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, cwd=HERE)
    except subprocess.TimeoutExpired as late:
        said, why = late.stdout or b"", f"failed: it took more than {seconds + GRACE:.0f} s and was ended"
        return {**last(said.decode(errors="replace") if isinstance(said, bytes) else said), "state": why}
    found = last(done.stdout)
    # without a state it was ended between two steps
    return {"state": f"failed: it ended with {done.returncode}: {done.stderr[-500:]}", **found}


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
