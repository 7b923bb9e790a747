"""``python -m benchmarks.modules``: one MLP as our kernel, as a module under vmap, in a loop and by others, in turns.

Each computes the exact meta-gradients of one chunk of clients on one thread, from its own θ, on the same episodes, and
once more in a process of its own for its memory. Among them, in the same turns, a whole round of as many clients: by
stock Flower, four episodes a client, and by us with two Ray workers, both with the module. Their time is the clock's.
"""

import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import tyro
from torch import nn

from benchmarks.contenders import cloned_gradient, start
from benchmarks.memory import peak_bytes
from benchmarks.round_time import Options as RoundOptions
from benchmarks.round_time import Ours, agree
from benchmarks.stock import StockRound, under_flower
from benchmarks.tried import by_hand, compiled, flat, functional
from benchmarks.workloads import EPISODES, experiment
from metafed.algorithms import Maml
from metafed.core.episodes import Batch
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


class Losing(nn.Module):
    """A module that returns the loss of a batch of one client, as learn2learn's users write it."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Batch) -> "torch.Tensor":
        """Return the mean cross-entropy."""
        return nn.functional.cross_entropy(self.module(batch.x), batch.y)


@dataclass
class Options:
    """Time a chunk of clients."""

    clients: int = 100
    """Clients of the chunk, a multiple of 4."""
    steps: int = 5
    """Inner steps."""
    rounds: int = 7
    """Times that each is timed, after one that is not counted."""
    compiled: bool = False
    """Whether the graph that Inductor compiled is among them; that takes minutes."""
    flower: bool = True
    """Whether whole rounds are among them, ours and stock Flower's."""


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

    own = Losing(module.modules["blobs"].module)
    each = [tuple(Batch(*(field[client] for field in part)) for part in episode) for client in range(options.clients)]

    def cloned() -> Any:
        return [cloned_gradient(own, rows, asked, exact.inner_steps, exact.inner_lr) for rows, asked in each]

    def of(algorithm: Maml, task: Any, theta: Any) -> Callable[[], Any]:
        return lambda: algorithm.update(task, theta, {}, episode, 1)

    def tried(way: Callable[..., Any]) -> Callable[[], Any]:
        return lambda: way(vmapped, module.initial, episode, exact.inner_steps, exact.inner_lr)

    graphs: dict[str, Callable[[], Any]] = {}
    if options.compiled:
        program = compiled(vmapped, module.initial, episode, exact.inner_steps, exact.inner_lr)
        graphs["module, compiled"] = lambda: program(episode)

    return {
        "our kernels": of(exact, kernel.tasks["blobs"], kernel.initial),
        "our network in PyTorch": of(exact, kernel.tasks_by("torch")["blobs"], kernel.initial),
        "module, vmap": of(exact, vmapped, module.initial),
        "module, vmap, --remat": of(again, vmapped, module.initial),
        "module, flat parameters": tried(flat),
        "module, torch.func": tried(functional),
        "module, first step shared": tried(partial(functional, shared=True)),
        "module, forward over reverse": tried(by_hand),
        **graphs,
        "module, loop": of(exact, looped, module.initial),
        "learn2learn's way": cloned,
    }


STOCK, RAY = "stock Flower, a round", "module, vmap, a round"
"""What is timed by the clock: it computes in other processes."""


def whole_rounds(options: Options, grid: Any) -> dict[str, Callable[[], Any]]:
    """Return a round of stock Flower and one of ours, with the module. Their first rounds, run here, agree."""
    nodes = options.clients // EPISODES["mlp"]
    tried = experiment("mlp", nodes, None, SAME)
    tried = tried.model_copy(update={"algorithm": Maml(inner_steps=options.steps)})
    theta, stock = start(tried), StockRound(grid, "mlp", tried.to_run_config())
    theirs = stock(theta, 1)  # Flower starts Ray now, and it must be Flower who does
    ours = Ours(RoundOptions(clients=nodes, network=SAME), tried)
    agree("mlp", theta, ours(theta, 1), theirs)
    numbers = itertools.count(2), itertools.count(2)
    return {STOCK: lambda: stock(theta, next(numbers[0])), RAY: lambda: ours(theta, next(numbers[1]))}


def in_turns(work: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each.

    Those of one thread are this process's processor's, whatever else runs; those of a whole round are the clock's.
    """
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, step in work.items():
            clock = time.perf_counter if name in (STOCK, RAY) else time.process_time
            begun = clock()
            step()
            times[name].append(clock() - begun)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def peak(options: Options, name: str) -> tuple[int, int]:
    """Return the most bytes that this process has held before and after one of the contenders computed once."""
    torch.set_num_threads(1)
    step = contenders(options)[name]
    before = peak_bytes()
    step()
    return before, peak_bytes()


def main(options: Options) -> None:
    """Run the benchmark."""
    found: dict[str, float] = {}

    def measure(grid: Any) -> None:
        torch.set_num_threads(1)
        work = contenders(options) | ({} if grid is None else whole_rounds(options, grid))
        found.update(in_turns(work, options.rounds))

    if options.flower:
        under_flower(options.clients // EPISODES["mlp"], measure)
    else:
        measure(None)
    if options.flower:
        print(
            f"{STOCK} {found[STOCK] * 1e3:.1f} ms, {RAY} {found[RAY] * 1e3:.1f} ms by the clock, with two workers:"
            f" ratio {found[STOCK] / found[RAY]:.2f}"
        )
    print(f"{options.clients} clients, {options.steps} inner steps, exact meta-gradient, one thread")
    alone = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1)
    with alone:
        memory = {name: alone.submit(peak, options, name).result() for name in found if name not in (STOCK, RAY)}
    for name, (before, after) in memory.items():
        ratio = found["module, loop"] / found[name]
        print(
            f"{name:<28} {found[name] * 1e3:9.1f} ms   loop / it {ratio:6.2f}   peak {after / 2**20:6.0f} MiB,"
            f" {(after - before) / 2**20:5.0f} of them to compute"
        )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
