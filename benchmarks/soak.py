"""``python -m benchmarks.soak``: very many rounds of a tiny problem; memory and open files must stay flat.

Everything of a run takes part: engine, record, checkpoints, the joining of the rows at the end. Memory is what the
process has in use (resident set), taken after a tenth of the rounds, when caches are warm, and after each tenth from
there; and once more when the record is closed, which reads the rows for the summary.
"""

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import tyro

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation


@dataclass(frozen=True)
class Options:
    """Run very many rounds of a tiny problem, and say whether memory and open files stay as they are."""

    rounds: int = 10_000
    algorithm: str = "ditto"
    """Ditto keeps a state a client, so that states are checkpointed, too."""
    engine: str = "local"
    growth: float = 10.0
    """Growth of memory in per cent from which on the command fails."""


class Sample(NamedTuple):
    """What the process holds after a round."""

    round: int
    seconds: float
    megabytes: float
    files: int


def soak(options: Options, folder: Path) -> list[Sample]:
    """Run, and return a sample a tenth of the rounds and one after the record is closed."""
    from server.app import serve
    from server.record.record import Record
    from simulation.cli.logs import into
    from simulation.engines.local import LocalGrid
    from simulation.engines.ray import RayGrid

    experiment = Experiment.model_validate(
        {
            **{
                "clients": 6,
                "cohort": 2,
                "rounds": options.rounds,
                "tasks": "assistant",
                "algorithm": options.algorithm,
            },
            **{"width": 2, "depth": 0, "eval_every": max(1, options.rounds // 10), "kernels": "torch", "chunk": 2},
        }
    )
    process, started, samples = psutil.Process(), time.monotonic(), list[Sample]()

    def sample(server_round: int) -> None:
        megabytes = process.memory_info().rss / 2**20
        samples.append(Sample(server_round, time.monotonic() - started, megabytes, process.num_fds()))

    def watch(line: dict[str, Any]) -> None:
        if line["round"] and line["round"] % max(1, options.rounds // 10) == 0:
            keep.about()  # what waits is written first
            sample(line["round"])

    keep = Record(folder, Federation(experiment), {}, {})
    config = experiment.to_run_config()
    with into(folder / "run.log"):
        grid = LocalGrid(config) if options.engine == "local" else RayGrid(config, workers=1, worker_cpus=0.5)
        try:
            serve(grid, Federation(experiment), keep, watch, 3600)
        finally:
            grid.close()
    keep.finish("done")
    sample(options.rounds)
    return samples


def main() -> int:
    options = tyro.cli(Options, prog="python -m benchmarks.soak", description=__doc__)
    base = Path(tempfile.mkdtemp(prefix="metafed-soak-"))
    try:
        samples = soak(options, base / "run")
    finally:
        shutil.rmtree(base)
    print("after round   seconds   memory (MB)   open files")
    for sample in samples:
        print(f"{sample.round:>11} {sample.seconds:>9.1f} {sample.megabytes:>13.1f} {sample.files:>12}")
    first, last, closed = samples[0], samples[-2], samples[-1]
    growth = 100 * (last.megabytes / first.megabytes - 1)
    per_round = (last.megabytes - first.megabytes) * 2**20 / max(1, last.round - first.round)
    print(f"memory {growth:+.1f} % from round {first.round} to {last.round}, {per_round:.0f} bytes a round;", end=" ")
    print(f"open files {first.files} then {last.files}, {closed.files} once the record was closed")
    return 0 if growth <= options.growth and last.files <= first.files else 1


if __name__ == "__main__":
    sys.exit(main())
