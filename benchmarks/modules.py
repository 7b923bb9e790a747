"""``python -m benchmarks.modules``: one MLP as our kernel, as a module under vmap, as a module in a loop, in turns.

Each computes the exact meta-gradients of one chunk of clients on one thread, from its own θ, on the same episodes.
With ``--flower`` rounds of the module on our engine follow, in turns with rounds of stock Flower, where every client
has a plain loop.
"""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import nn

from metafed.algorithms import Maml
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.models import Inputs
from metafed.tasks.task import task_of

SAME = f"{__name__ if __name__ != '__main__' else 'benchmarks.modules'}:Same"


class Same(nn.Module):
    """The MLP of ours, as a module."""

    trunk = "middle"

    def __init__(self, inputs: Inputs, outputs: int, width: int = 64, depth: int = 1) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(inputs.size, width), nn.Linear(width, outputs)
        self.middle = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(N, outputs)``."""
        x = torch.relu(self.stem(x))
        for layer in self.middle:
            x = torch.relu(layer(x))
        return self.head(x)  # type: ignore[no-any-return]


@dataclass
class Options:
    """Time a chunk of clients."""

    clients: int = 100
    """Clients of the chunk."""
    steps: int = 5
    """Inner steps."""
    rounds: int = 7
    """Times that each is timed, after one that is not counted."""
    flower: bool = False
    """Compare with stock Flower, too."""
    flower_clients: int = 50
    """Clients of a round with stock Flower."""


def contenders(options: Options) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name: each returns the meta-gradients of the same clients."""
    common = {"tasks": "blobs", "clients": options.clients, "cohort": options.clients, "unseen": 0.0, "eval_clients": 1}
    kernel, module = (
        Federation(Experiment.model_validate({**common, "network": network})) for network in ("mlp", SAME)
    )
    episode = kernel.population.training(list(range(options.clients)), 1).episode
    vmapped = module.tasks["blobs"]
    assert module.modules["blobs"].vectorized, "vmap has rules for linear layers"
    looped = task_of(replace(module.modules["blobs"], vectorized=False), "classification")
    exact, again = Maml(inner_steps=options.steps), Maml(inner_steps=options.steps, remat=True)

    def of(algorithm: Maml, task: Any, theta: Any) -> Callable[[], Any]:
        return lambda: algorithm.update(task, theta, {}, episode, 1)

    return {
        "our kernels": of(exact, kernel.tasks["blobs"], kernel.initial),
        "our network in PyTorch": of(exact, kernel.tasks_by("torch")["blobs"], kernel.initial),
        "module, vmap": of(exact, vmapped, module.initial),
        "module, vmap, --remat": of(again, vmapped, module.initial),
        "module, loop": of(exact, looped, module.initial),
    }


def peak(work: Callable[[], Any]) -> float:
    """Return by how many MB the process grew at most; NaN where the system does not tell."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = status("VmRSS")
        work()
        return (status("VmHWM") - before) / 1024
    except OSError:
        return float("nan")


def status(name: str) -> int:
    """Return one of the process's own figures, in kB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def in_turns(work: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, step in work.items():
            begun = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def against_flower(options: Options, grid: Any) -> None:
    """Print rounds of the module on our engine and of stock Flower, in turns."""
    from benchmarks.contenders import start
    from benchmarks.round_time import Options as Round
    from benchmarks.round_time import Ours
    from benchmarks.stock import StockRound
    from benchmarks.workloads import experiment

    plain = experiment("mlp", options.flower_clients, None)
    stock, theta = StockRound(grid, "mlp", plain.to_run_config()), start(plain)
    stock(theta, 1)  # Flower starts Ray now, and it must be Flower who does
    tried = plain.model_copy(update={"network": SAME})
    ours = {
        name: Ours(Round(clients=options.flower_clients), each) for name, each in (("kernel", plain), ("module", tried))
    }
    work = {
        "our kernels, two workers": lambda: ours["kernel"](theta, 1),
        "module, vmap, two workers": lambda: ours["module"](theta, 1),
        "stock Flower": lambda: stock(theta, 1),
    }
    found = in_turns(work, max(2, options.rounds // 2))
    for name, seconds in found.items():
        print(f"{name:<26} {seconds * 1e3:9.1f} ms a round   stock / it {found['stock Flower'] / seconds:6.2f}")
    for each in ours.values():
        each.grid.close()


def main(options: Options) -> None:
    """Run the benchmark."""
    torch.set_num_threads(1)
    work = contenders(options)
    megabytes = {name: peak(step) for name, step in work.items()}
    found = in_turns(work, options.rounds)
    print(f"{options.clients} clients, {options.steps} inner steps, exact meta-gradient, one thread")
    for name, seconds in found.items():
        ratio = found["module, loop"] / seconds
        print(f"{name:<26} {seconds * 1e3:9.1f} ms   loop / it {ratio:6.2f}   peak +{megabytes[name]:.0f} MB")
    if options.flower:
        from benchmarks.stock import under_flower

        under_flower(options.flower_clients, lambda grid: against_flower(options, grid))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
