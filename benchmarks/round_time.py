"""``python -m benchmarks.round_time``: a round of ours against others', interleaved in one process tree.

Same data, same θ at the start; at the end every contender's θ is compared with ours.
"""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from benchmarks.contenders import Central, central_round, learn2learn_gradient, loop_gradient, start
from benchmarks.frameworks import FRAMEWORKS, framework, need
from benchmarks.results import check_target, complain, write
from benchmarks.stock import StockRound, under_flower
from benchmarks.workloads import EPISODES, experiment
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.asking import record
from server.strategy import MetaStrategy
from simulation.cli.errors import BadInput

Theta = dict[str, torch.Tensor]


@dataclass
class Options:
    """Time rounds."""

    workload: Literal["null", "mlp", "conv4", "default"] = "mlp"
    """What a client computes; see benchmarks/workloads.py."""
    clients: int = 50
    """Clients in a round."""
    engine: Literal["ray", "local"] = "ray"
    """Our engine."""
    against: Literal["flower", "loop", "learn2learn", "jax", "fedjax", "pfl", "none"] = "flower"
    """Whom to compare with. All but flower compute on one thread; jax, fedjax and pfl are installed apart."""
    rounds: int = 7
    """Rounds of each, after one that is not counted."""
    workers: int = 2
    """Our Ray workers."""
    chunk: int | None = None
    """Clients of a chunk; the default suits the workload."""
    network: str | None = None
    """The network of both, such as benchmarks.modules:Same; the default suits the workload."""
    json: Path | None = None
    """A file for the raw figures."""


class Ours:
    """One round of metafed: strategy, grid, hosts."""

    def __init__(self, options: Options, tried: Experiment) -> None:
        self.experiment = tried
        self.layout = Federation(self.experiment).layout
        settings = self.experiment.to_run_config()
        if options.engine == "ray":
            from simulation.engines.ray import RayGrid

            # Flower's own actors hold the CPUs; ours are idle while they work, and they while ours do
            self.grid: Any = RayGrid(settings, workers=options.workers, worker_cpus=0.0)
        else:
            from simulation.engines.local import LocalGrid

            self.grid = LocalGrid(settings)
        flat = {p: f.numpy() for p, f in self.layout.flatten(start(self.experiment), self.layout.parts).items()}
        self.strategy = MetaStrategy(Federation(self.experiment), lambda finished: None)
        self.arrays = record(flat)

    def __call__(self, theta: Theta, server_round: int) -> Theta:
        messages = self.strategy.configure_train(server_round, self.arrays, None, self.grid)
        arrays, _ = self.strategy.aggregate_train(server_round, self.grid.send_and_receive(messages))
        assert arrays is not None, "a round gives a θ"
        self.arrays = arrays
        return self.layout.unflatten({part: torch.from_numpy(a.numpy()) for part, a in arrays.items()})


def contender(options: Options, grid: Any, tried: Experiment) -> Callable[[Theta, int], Theta] | None:
    """Return the function that runs one round of the other."""
    if options.against == "none":
        return None
    if options.against == "flower":
        return StockRound(grid, options.workload, tried.to_run_config())
    torch.set_num_threads(1)
    central = Central(tried)
    if options.against in FRAMEWORKS:
        whole, clients = framework(options.against, central), list(range(EPISODES[options.workload] * options.clients))
        return lambda theta, server_round: whole(theta, clients, server_round)
    gradient = loop_gradient if options.against == "loop" else learn2learn_gradient
    everyone = range(EPISODES[options.workload] * options.clients)
    return lambda theta, server_round: central_round(central, gradient, theta, everyone, server_round)


AGREEMENT = {"null": 0.0, "mlp": 1e-3, "default": 1e-3, "conv4": 0.05}
"""How far two θ may be apart, as a share of the way that they went: batch statistics amplify rounding to percents."""


def distance(left: Theta, right: Theta) -> float:
    """Return the Euclidean distance of two θ."""
    return float(sum((left[name] - right[name]).double().square().sum() for name in left)) ** 0.5


def agree(workload: str, begun: Theta, ours: Theta, theirs: Theta) -> None:
    """Say how far two θ that began at one are apart, and end the command if it is too far."""
    away, moved = distance(ours, theirs), distance(ours, begun)
    print(f"theta differs by {away:.2g}; it moved by {moved:.2g}")
    # a first-order contender would be off by tens of percent of the way
    assert away <= AGREEMENT[workload] * moved or workload == "null", "the contenders do not compute the same"


def measure(options: Options, grid: Any) -> None:
    """Run the rounds, ours and theirs in turn, and print the times."""
    tried = experiment(options.workload, options.clients, options.chunk, options.network)
    other = contender(options, grid, tried)
    if options.against == "flower" and other is not None:
        other(start(tried), 1)  # Flower starts Ray now, and it must be Flower who does
    ours = Ours(options, tried)
    names: dict[str, Callable[[Theta, int], Theta]] = {"metafed": ours}
    if other is not None:
        names[options.against] = other
    theta = {name: start(ours.experiment) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    computing: dict[str, list[float]] = {name: [] for name in names}
    for server_round in range(1, options.rounds + 2):
        for name, step in names.items():
            begun, computed = time.perf_counter(), time.process_time()
            theta[name] = step(theta[name], server_round)
            times[name].append(time.perf_counter() - begun)
            computing[name].append(time.process_time() - computed)
    print(f"workload {options.workload}, {options.clients} clients, engine {options.engine}")
    for name, measured in times.items():
        counted = measured[1:]
        print(
            f"{name:<12} median {statistics.median(counted) * 1e3:9.1f} ms   min {min(counted) * 1e3:9.1f}"
            f"   max {max(counted) * 1e3:9.1f}   ({len(counted)} rounds; first {measured[0] * 1e3:.0f} ms)"
        )
    if other is not None:
        agree(options.workload, start(tried), theta["metafed"], theta[options.against])
        left, right = (statistics.median(times[n][1:]) for n in (options.against, "metafed"))
        print(f"ratio {left / right:.2f}")
        if options.engine == "local" and options.against != "flower":
            # all is in this process: on a machine in use its processor's time says more than the clock
            left, right = (statistics.median(computing[n][1:]) for n in (options.against, "metafed"))
            print(f"of the processor's time: metafed {right * 1e3:.1f} ms, ratio {left / right:.2f}")
    if options.json is not None:
        # the first round of each is not counted
        write(options.json, "round_time", asdict(options), {"seconds": {name: t[1:] for name, t in times.items()}})
    if options.against != "flower":
        ours.grid.close()


def main() -> None:
    """Parse the options and measure."""
    options = tyro.cli(Options)
    try:
        check_target(options.json)
        if options.against in FRAMEWORKS:
            need(options.against)
            if options.workload == "null":
                raise BadInput(
                    f"--workload null: nothing for {options.against} to compute; allowed: mlp, conv4, default"
                )
    except BadInput as error:
        raise SystemExit(complain(error)) from None
    if options.against == "flower":
        under_flower(options.clients, lambda grid: measure(options, grid))
        return
    try:
        measure(options, None)
    except BadInput as error:
        raise SystemExit(complain(error)) from None


if __name__ == "__main__":
    main()
