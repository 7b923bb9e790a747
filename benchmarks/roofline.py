"""``python -m benchmarks.roofline``: the share of the processor's peak that a chunk reaches, and where its time goes.

The peak is the fastest matrix product that was seen on this very machine in this very run, by whichever library is
faster. What a round takes is counted on PyTorch's kernels, since the counter does not see ours, and by hand.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

from benchmarks.results import check_target, complain, processors, write
from benchmarks.tables import show
from metafed.federation.federation import Federation
from simulation.cli.errors import BadInput

Workload = Literal["mlp", "conv4", "default"]


@dataclass
class Options:
    """Compare what a chunk's arithmetic reaches with the processor's peak."""

    workloads: tuple[Workload, ...] = ("mlp", "conv4", "default")
    """What a client computes; see benchmarks/workloads.py."""
    clients: int = 50
    """Clients in a round."""
    chunk: int | None = None
    """Clients of a chunk; the default suits the workload."""
    kernels: Literal["auto", "torch", "native"] = "auto"
    """What computes, as in the simulator."""
    repeats: int = 7
    """How often each chunk is timed, after once that is not counted."""
    sizes: tuple[int, ...] = (512, 1024, 2048)
    """Sizes of the square matrices whose product is the peak."""
    json: Path | None = None
    """A file for the raw figures."""
    markdown: bool = False
    """Print the tables as Markdown."""


@dataclass
class Bench:
    """One workload: what its round takes, and one chunk of each family to be timed.

    Attributes:
        name: The workload.
        host: Runs the chunks, as a worker does.
        theta: θ's parts.
        chunks: The clients of one chunk of each family.
        counted: Operations of a round, counted by PyTorch on its own kernels.
        by_hand: The same by hand.
        real: By hand, without what padding takes.
        sample: As ``real``, of ``chunks`` alone.
        seconds: Times of ``chunks``.
        shares: What the time goes to.
    """

    name: str
    host: Any
    theta: dict[str, Any]
    chunks: list[list[int]]
    counted: int
    by_hand: float
    real: float
    sample: float
    seconds: list[float] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)

    def once(self, server_round: int) -> float:
        """Run the chunks once; returns seconds."""
        began = time.perf_counter()
        for chunk in self.chunks:
            answer = self.host.train(self.theta, chunk, server_round, {})
            assert not answer.failures, answer.failures[0]
        return time.perf_counter() - began

    @property
    def speed(self) -> float:
        """Operations a second, at the median time."""
        return self.sample / statistics.median(self.seconds)


def prepare(options: Options, workload: Workload) -> Bench:
    """Count a workload's round and make its chunks ready."""
    from benchmarks import counting
    from benchmarks.workloads import experiment
    from client.host import Host
    from metafed.experiment.settings import Experiment

    def on(kernels: str) -> Experiment:
        base = experiment(workload, options.clients, options.chunk)
        return Experiment(**{**base.model_dump(), "algorithm": base.algorithm, "kernels": kernels})

    plain = on("torch")
    federation = Federation(plain)
    roster, population = federation.roster, federation.population
    task_of, network = federation.tasks, federation.initial
    totals, sample, first = {"counted": 0, "by_hand": 0.0, "real": 0.0}, 0.0, {}
    for family, members in federation.chunks(roster.cohort(1)):
        task, episode = task_of[family], population.training(members, 1).episode
        own = {name: value for name, value in network.items() if name in task.model.shapes}
        totals["counted"] += counting.counted(lambda t=task, o=own, e=episode: plain.algorithm.update(t, o, {}, e, 1))
        steps = plain.algorithm.inner_steps
        useful = counting.by_hand(task.model, counting.real(episode), steps)
        totals["by_hand"] += counting.by_hand(task.model, counting.padded(episode), steps)
        totals["real"] += useful
        if family not in first:
            first[family], sample = members, sample + useful
    chosen = on(options.kernels)
    theirs = Federation(chosen)
    return Bench(workload, Host(theirs), theirs.vectors, list(first.values()), sample=sample, **totals)


def best(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    """Return the higher speed of each way."""
    return {name: max(first[name], second[name]) for name in first}


def measure(options: Options) -> tuple[list[Bench], dict[str, dict[str, float]]]:
    """Count, time and profile; returns the workloads, and peaks in operations a second by threads and way.

    Raises:
        BadInput: The kernels cannot be had here.
    """
    import torch

    from benchmarks.peak import peaks
    from benchmarks.shares import drawn, mark_kernels, shares
    from client.memory import keep_freed_memory
    from metafed.native.choice import NoCompiler, resolve

    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        kernels = resolve(options.kernels)
    except NoCompiler as error:
        raise BadInput(f"--kernels {options.kernels}: {error}") from None
    if kernels == "native":
        mark_kernels()
    everything = {"one thread": 1, "all threads": processors()}
    before = {name: peaks(threads, options.sizes) for name, threads in everything.items()}
    benches = [prepare(options, workload) for workload in options.workloads]
    for repeat in range(options.repeats + 1):
        for bench in benches:
            bench.seconds.append(bench.once(1 + repeat))
    after = {name: peaks(threads, options.sizes) for name, threads in everything.items()}
    for bench in benches:
        del bench.seconds[0]
        bench.host.population.training = drawn(bench.host.population.training)
        bench.shares = shares(lambda b=bench: b.once(1))
    return benches, {name: best(before[name], after[name]) for name in everything}


def check(options: Options) -> None:
    """Refuse numbers out of range.

    Raises:
        BadInput: One is.
    """
    for name, value in (("clients", options.clients), ("chunk", options.chunk or 1), ("repeats", options.repeats)):
        if value < 1:
            raise BadInput(f"--{name} {value}: must be at least 1")
    if options.chunk == 0:
        raise BadInput("--chunk 0: must be at least 1")
    if not options.workloads or not options.sizes:
        raise BadInput("--workloads and --sizes need at least one value each")
    if min(options.sizes) < 2:
        raise BadInput(f"--sizes {min(options.sizes)}: must be at least 2")


COLUMNS = (
    "workload", "GFLOP a round", "by hand", "on real rows", "one chunk each, ms", "min", "max", "GFLOP/s",
    "share of peak", "a round at peak, ms",
)  # fmt: skip


def fraction(bench: Bench, peaks: dict[str, dict[str, float]]) -> float:
    """Return the share of one thread's peak that a chunk reaches."""
    return bench.speed / max(peaks["one thread"].values())


def row(bench: Bench, peaks: dict[str, dict[str, float]]) -> tuple[str, ...]:
    """Return a workload's row of the first table."""
    times = [second * 1e3 for second in bench.seconds]
    return (
        bench.name,
        f"{bench.counted / 1e9:.3f}",
        f"{bench.by_hand / 1e9:.3f}",
        f"{bench.real / bench.by_hand:.0%}",
        *(f"{value:.1f}" for value in (statistics.median(times), min(times), max(times))),
        f"{bench.speed / 1e9:.1f}",
        f"{fraction(bench, peaks):.1%}",
        f"{bench.real / max(value for ways in peaks.values() for value in ways.values()) * 1e3:.1f}",
    )


def report(options: Options, benches: Sequence[Bench], peaks: dict[str, dict[str, float]]) -> None:
    """Print both tables, the peaks and the fractions."""
    notes = (
        f"A round has {options.clients} clients; kernels {options.kernels}.",
        "GFLOP: products and convolutions of exact second-order updates, counted on PyTorch's kernels.",
        "GFLOP/s: what real rows take, over the median time of one chunk of each family, drawing included, one thread.",
        "A round at peak: if every product ran at the fastest speed below, with as many threads as that takes.",
    )
    show("Arithmetic", COLUMNS, [row(bench, peaks) for bench in benches], notes, options.markdown)
    kinds = [kind for kind in benches[0].shares if any(bench.shares[kind] >= 0.0005 for bench in benches)]
    rows = [(bench.name, *(f"{bench.shares[kind]:.1%}" for kind in kinds)) for bench in benches]
    show("Where the time goes", ("workload", *kinds), rows, ("Self times of torch.profiler.",), options.markdown)
    for name, ways in peaks.items():
        seen = ", ".join(f"{way} {value / 1e9:.1f}" for way, value in ways.items())
        threads = "one thread" if name == "one thread" else f"all {processors()} threads"
        print(f"peak {max(ways.values()) / 1e9:.1f} GFLOP/s  {threads} ({seen})")
    for bench in benches:
        print(f"fraction {fraction(bench, peaks):.3f}  {bench.name}, of one thread's peak")


def raw(benches: Sequence[Bench], peaks: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the raw figures for a file."""
    names = ("counted", "by_hand", "real", "sample", "seconds", "shares")
    return {
        "workloads": {
            bench.name: {
                **{name: getattr(bench, name) for name in names},
                "chunks": [len(chunk) for chunk in bench.chunks],
                "fraction": fraction(bench, peaks),
            }
            for bench in benches
        },
        "peaks": peaks,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.roofline", description=__doc__)
    try:
        check(options)
        check_target(options.json)
        benches, peaks = measure(options)
    except BadInput as error:
        return complain(error)
    report(options, benches, peaks)
    if options.json is not None:
        write(options.json, "roofline", asdict(options), raw(benches, peaks))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
