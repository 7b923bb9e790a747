"""``python -m benchmarks.start``: from a command to its first finished round, and what of that is Ray's own.

Every line is a process of its own; the lines take turns, and medians are printed. The bare lines run no code of ours:
they import PyTorch, start Ray, and ask two of its workers to answer, with or without PyTorch.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import tyro

BARE = """
import os
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
{driver}
ray.init(address="local", num_cpus={workers}, include_dashboard=False, log_to_driver=False, configure_logging=False)
@ray.remote
class Worker:
    def __init__(self):
        {worker}
    def answer(self):
        return 1
ray.get([worker.answer.remote() for worker in [Worker.remote() for _ in range({workers})]])
print("ready", flush=True)
"""


@dataclass
class Options:
    """Time starts."""

    times: int = 3
    """Starts of each."""
    workers: int = 2
    """Ray workers."""


def bare(driver: str, worker: str, workers: int) -> list[str]:
    """Return a command that prints a line once Ray's workers have answered."""
    return [sys.executable, "-c", BARE.format(driver=driver, worker=worker, workers=workers)]


def ours(engine: str, workers: int) -> list[str]:
    """Return a command that ends with its first round."""
    code = (
        "import sys; from simulation import run; from server.record.record import Record; plain = Record.round\n"
        "def first(self, finished, *rest):\n"
        "    line = plain(self, finished, *rest)\n"
        "    finished.number and print('ready', flush=True)\n"
        "    return line\n"
        "Record.round = first\n"
        "sys.exit(run.main(sys.argv[1:]))"
    )
    words = ["--clients", "50", "--rounds", "1", "--engine", engine, "--quiet", "--no-report"]
    return [sys.executable, "-c", code, *words, *(["--workers", str(workers)] if engine == "ray" else [])]


def seconds(command: list[str]) -> float:
    """Run a command and return the seconds to the line that says it is ready.

    Raises:
        RuntimeError: It ended without.
    """
    with tempfile.TemporaryDirectory(prefix="metafed-start-") as folder:
        begun = time.perf_counter()
        more = ["--out", f"{folder}/run"] if "--engine" in command else []
        process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        found = next((time.perf_counter() - begun for line in process.stdout if "ready" in line), None)
        _, errors = process.communicate()
    if found is None:
        raise RuntimeError(f"it ended without an answer:\n{errors[-2000:]}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Time the starts and print the table."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.start", description=__doc__)
    commands = {
        "PyTorch imported": [sys.executable, "-c", "import torch; print('ready', flush=True)"],
        "Ray and its workers": bare("", "pass", options.workers),
        "Ray, its workers import PyTorch": bare("", "import torch", options.workers),
        "Ray, all import PyTorch": bare("import torch", "import torch", options.workers),
        "first round, --engine local": ours("local", options.workers),
        "first round, --engine ray": ours("ray", options.workers),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.times):
        for name, command in commands.items():
            times[name].append(seconds(command))
    for name, found in times.items():
        print(f"{name:<36} median {statistics.median(found):6.2f} s   min {min(found):6.2f}   max {max(found):6.2f}")
    share = statistics.median(times["Ray, all import PyTorch"]) / statistics.median(times["first round, --engine ray"])
    print(f"share {share:.2f}  of the start with Ray is taken by Ray and PyTorch alone")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
