"""``python -m benchmarks.many``: what a client of a large cohort costs that computes nothing, in processor time.

One process, no Ray: what other processes do shows little. Memory is the most that the process has held.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from flwr.app import ConfigRecord

from benchmarks.contenders import start
from benchmarks.memory import peak_bytes
from benchmarks.round_time import Options as Timed
from benchmarks.round_time import Ours
from metafed.experiment.settings import Experiment


@dataclass
class Options:
    """Time rounds of many clients that compute nothing."""

    population: int = 1_000_000
    """Clients of the federation."""
    cohort: int = 1000
    """Clients of a round."""
    rounds: int = 3
    """Rounds, after two that are not counted."""
    evaluated: int = 1
    """Clients of an evaluation, which comes after the rounds, twice; 1: there is none."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print a line."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.many", description=__doc__)
    settings = {
        "clients": options.population,
        "cohort": options.cohort,
        "unseen": 0.0,
        "tasks": "blobs",
        "algorithm": {"name": "benchmarks.null:Null"},
        "outer_optimizer": "sgd",
        "rounds": 1,
        "eval_clients": options.evaluated,
    }
    experiment = Experiment.model_validate(settings)
    ours, theta, times = Ours(Timed(workload="null", engine="local"), experiment), start(experiment), []
    for number in range(1, options.rounds + 3):
        begun = time.process_time()
        ours(theta, number)
        times.append(time.process_time() - begun)
    median = statistics.median(times[2:])
    print(
        f"population {options.population:,}, cohort {options.cohort:,}: {median:.3f} s of the processor a round,"
        f" {median / options.cohort * 1e6:.0f} µs a client; peak {peak_bytes() / 2**20:.0f} MiB"
    )
    if options.evaluated > 1:
        taken = [evaluation(ours) for _ in range(2)]
        print(
            f"evaluation of {options.evaluated:,} clients: {taken[0]:.3f} s of the processor, once more {taken[1]:.3f},"
            f" {taken[1] / options.evaluated * 1e6:.0f} µs a client; peak {peak_bytes() / 2**20:.0f} MiB"
        )
    return 0


def evaluation(ours: Ours) -> float:
    """Return the seconds of the processor of an evaluation: messages, clients, and answers read."""
    begun = time.process_time()
    asked = list(ours.strategy.configure_evaluate(ours.experiment.rounds, ours.arrays, ConfigRecord(), ours.grid))
    assert asked, "the experiment wants one after this round"
    ours.strategy.aggregate_evaluate(ours.experiment.rounds, ours.grid.send_and_receive(asked))
    return time.process_time() - begun


if __name__ == "__main__":
    raise SystemExit(main())
