"""``python -m benchmarks.encoders``: a round with a pretrained encoder against one of an MLP on hashed words.

The contenders take turns, round by round, in one process on one thread. ``lora-padded`` is ``lora`` with all padding
computed. Times are those of the processor, so that other programs count little. The first round, in which texts are
encoded, is told apart. With one contender the peak memory is that of its whole process.
"""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

import metafed as mf
from benchmarks.results import check_target, complain, write
from metafed.core.names import known
from metafed.experiment.settings import Experiment
from metafed.models.module import ModuleNetwork
from simulation.cli.errors import BadInput

ENCODER = {"network": "text-encoder"}
CONTENDERS: dict[str, dict[str, Any]] = {
    "mlp": {"algorithm": "maml"},
    "none": {"algorithm": "maml", **ENCODER, "network_settings": {"adapter": "none"}},
    "lora": {"algorithm": "fomaml", **ENCODER, "network_settings": {"adapter": "lora"}},
    "lora-padded": {"algorithm": "fomaml", **ENCODER, "network_settings": {"adapter": "lora"}},
    "lora-maml": {"algorithm": "maml", **ENCODER, "network_settings": {"adapter": "lora"}},
}


@dataclass
class Options:
    """Time rounds with a pretrained encoder."""

    data_dir: str = ""
    """Where the data sets lie."""
    encoder: str = ""
    """A folder of a BERT-like model; the default is the one of the wheel."""
    tasks: str = "assistant:clinc150"
    """The data set."""
    clients: int = 10
    """Clients of a round; all are seen."""
    rounds: int = 5
    """Rounds of each, after the first."""
    contenders: str = "mlp,none"
    """Of mlp, none, lora, lora-padded, lora-maml; the others are compared with the first."""
    json: Path | None = None
    """A file for the raw figures."""


def experiment(name: str, options: Options) -> Experiment:
    """Return what a contender computes."""
    common = {"tasks": options.tasks, "clients": options.clients, "unseen": 0.0, "data_dir": options.data_dir}
    encoder = {"encoder": options.encoder} if name != "mlp" else {}
    return Experiment.model_validate({**common, **encoder, **CONTENDERS[name]})


def rounds(name: str, options: Options) -> Callable[[int], float]:
    """Return what computes one round more, and says how many seconds of the processor it took."""
    begun = time.process_time()
    federation = mf.Federation(experiment(name, options))
    state, spent = federation.init(), time.process_time() - begun
    whole = federation.sample(1)

    def one(number: int) -> float:
        nonlocal state
        skipped, begun = ModuleNetwork.skips, time.process_time()
        if name == "lora-padded":
            ModuleNetwork.skips = False  # type: ignore[assignment]
        try:
            state, _ = federation.round(state, whole, number)
        finally:
            ModuleNetwork.skips = skipped  # type: ignore[method-assign]
        # making the federation reads texts as well
        return time.process_time() - begun + (spent if number == 1 else 0)

    return one


def measure(options: Options) -> dict[str, list[float]]:
    """Return the seconds of each contender's rounds, which take turns; the first includes all that is read."""
    torch.set_num_threads(1)
    names = options.contenders.split(",")
    for name in names:
        known("contender", name, CONTENDERS)
    running = {name: rounds(name, options) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(1, options.rounds + 2):
        for name, one in running.items():
            times[name].append(one(number))
    return times


def peak() -> int | None:
    """Return the most bytes that this process had in memory; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Parse the options, measure and print."""
    options = tyro.cli(Options)
    try:
        check_target(options.json)
        times = measure(options)
    except BadInput as error:
        complain(error)
    except ValueError as error:
        complain(BadInput(str(error)))
    first = statistics.median(next(iter(times.values()))[1:])
    print(f"{options.tasks}, {options.clients} clients a round, {options.rounds} rounds after the first; CPU time")
    for name, found in times.items():
        middle = statistics.median(found[1:])
        print(
            f"{name:<12} median {middle * 1e3:9.1f} ms   min {min(found[1:]) * 1e3:9.1f}   max"
            f" {max(found[1:]) * 1e3:9.1f}   ratio {middle / first:6.2f}   with reading and round 1 {found[0]:.1f} s"
        )
    most = peak()
    if most is not None and len(times) == 1:
        print(f"peak memory of the process {most / 2**20:.0f} MiB")
    if options.json is not None:
        write(options.json, "encoders", asdict(options), {"seconds": times, "peak_bytes": most})


if __name__ == "__main__":
    main()
