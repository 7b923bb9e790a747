"""``python -m benchmarks.against --base REV``: rounds of this tree against those of an older commit, in turns.

Each tree has a process of its own, and a round of one follows a round of the other, so that both see the same machine.
The first round of each is not counted.
"""

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from benchmarks.golden.trees import ROOT, worktree

ROUNDS = """
import sys, time
from benchmarks.round_time import Options, Ours, experiment, start
options = Options(workload=sys.argv[1], engine=sys.argv[2], clients=int(sys.argv[3]), against="none")
ours = Ours(options, experiment(options.workload, options.clients, None))
theta = start(ours.experiment)
for number, _ in enumerate(sys.stdin, 1):
    begun = time.perf_counter()
    theta = ours(theta, number)
    print("took", time.perf_counter() - begun, flush=True)
ours.grid.close()
"""
"""Run in each tree: both have what this imports."""


@dataclass
class Options:
    """Time rounds of two commits."""

    base: str
    """The older commit."""
    workloads: tuple[Literal["null", "mlp", "conv4", "default"], ...] = ("mlp", "conv4", "default", "null")
    """What a client computes; see benchmarks/workloads.py."""
    engine: Literal["ray", "local"] = "local"
    """Our engine."""
    clients: int = 50
    """Clients in a round."""
    rounds: int = 40
    """Rounds of each that count."""


def started(tree: Path, options: Options, workload: str) -> subprocess.Popen[str]:
    """Return a process that runs a round of ``tree`` for every line that it is sent."""
    words = [sys.executable, "-c", ROUNDS, workload, options.engine, str(options.clients)]
    pipe = subprocess.PIPE
    env = {**os.environ, "PYTHONPATH": str(tree), "FLWR_TELEMETRY_ENABLED": "0"}
    return subprocess.Popen(words, cwd=tree, env=env, stdin=pipe, stdout=pipe, text=True)


def one(process: subprocess.Popen[str]) -> float:
    """Run a round, and return its seconds."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("round\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("took "):
            return float(line.split()[1])
    raise SystemExit("a tree ended before its rounds did")


def measure(tree: Path, options: Options, workload: str) -> list[tuple[float, float]]:
    """Return the seconds of rounds, the base's and ours, a pair a round."""
    both = started(tree, options, workload), started(ROOT, options, workload)
    for process in both:
        one(process)
    # who goes first changes, so that neither always finds the other's heat
    pairs = []
    for number in range(options.rounds):
        first, second = (one(process) for process in both[:: 1 if number % 2 else -1])
        pairs.append((first, second) if number % 2 else (second, first))
    for process in both:
        process.communicate()
    return pairs


def main(options: Options) -> None:
    """Print a line a workload: medians, and that of the ratios."""
    with worktree(options.base) as tree:
        for workload in options.workloads:
            pairs = measure(tree, options, workload)
            theirs, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(own / base for base, own in pairs)
            print(
                f"{workload:<8} {options.base} {theirs * 1e3:7.1f} ms, this tree {ours * 1e3:7.1f} ms a round;"
                f" the ratio's median in {len(pairs)} pairs {ratio:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main(tyro.cli(Options))
