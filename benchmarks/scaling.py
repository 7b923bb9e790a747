"""``python -m benchmarks.scaling``: cost per client and peak memory at growing cohorts and growing populations.

Every configuration is a process of its own, and all of them take a round in turn, so that what else the machine does
falls on all alike. A round is all that a run does in one: draw the cohort and the clients' data, train, sum, step θ,
and write a row a client to the record.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro

from benchmarks import files
from benchmarks.cell import Cell, Failed, Setting
from benchmarks.results import check_target, complain, write
from benchmarks.tables import show
from simulation.cli.errors import BadInput

UNSEEN = 0.2
"""Share of a population that is held out of meta-training, the simulator's default."""
MIB = 2**20


@dataclass
class Options:
    """Measure how a round's cost per client and the peak of memory grow."""

    workload: Literal["default", "mlp", "null", "conv4"] = "default"
    """What a client computes; see benchmarks/workloads.py."""
    cohorts: tuple[int, ...] = (50, 500, 5000)
    """Clients of a round, one configuration each; an empty list leaves them out."""
    population: int = 1_000_000
    """Clients in the population of these, so many that a round's clients are new to it."""
    populations: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    """Clients in the population, one configuration each; an empty list leaves them out."""
    cohort: int = 50
    """Clients of a round of these."""
    null_cohort: int = 5000
    """Clients of a round in which nothing is computed; 0 leaves it out."""
    parquet: int = 0
    """Clients whose rows lie in one Parquet file, made for the purpose, compared with a hundredth of them; 0 leaves it
    out."""
    rounds: int = 5
    """Rounds of each configuration."""
    warmup: int = 1
    """Rounds before them that are not counted."""
    engine: Literal["local", "ray"] = "local"
    """What runs the clients; with ray the configurations are measured one after the other."""
    workers: int = 2
    """Ray workers."""
    apart: bool = False
    """Measure one configuration after the other with local, too: only one at a time is in memory."""
    chunk: int | None = None
    """Clients of a chunk; the default suits the workload and is the same at every cohort."""
    tasks: str | None = None
    """Other clients than the workload's: FAMILY[:DATASET],…"""
    data_dir: str | None = None
    """Folder of the data sets."""
    seed: int = 0
    """Seed of every random stream."""
    json: Path | None = None
    """A file for the raw figures."""
    markdown: bool = False
    """Print the table as Markdown."""


class Figures(NamedTuple):
    """What was measured of one configuration.

    Attributes:
        setting: The configuration.
        sweeps: What it is for: ``cohort``, ``population``, ``null``, ``parquet``.
        rounds: Seconds of every counted round: ``seconds`` in all; of them ``record`` and ``drawing``.
        memory: Bytes at most: ``start`` after the imports, ``peak`` after the last round, that of each of the
            ``workers``, and ``closed`` after the record was closed.
    """

    setting: Setting
    sweeps: list[str]
    rounds: list[dict[str, Any]]
    memory: dict[str, Any]

    def middle(self, what: str = "seconds") -> float | None:
        """Median over rounds, in seconds."""
        values = [each[what] for each in self.rounds]
        return None if None in values else statistics.median(values)

    @property
    def cost(self) -> float:
        """Median seconds of a round over the clients in it."""
        return statistics.median(each["seconds"] for each in self.rounds) / self.setting.cohort

    @property
    def peak(self) -> int:
        """Bytes that the process and its workers held at their peaks."""
        return int(self.memory["peak"]) + sum(self.memory["workers"])


def settings(options: Options, tables: Sequence[files.Table] = ()) -> dict[Setting, list[str]]:
    """Return the configurations, each with the sweeps that it belongs to.

    Args:
        options: What is asked for.
        tables: Files that clients' rows lie in, a configuration each.

    Raises:
        BadInput: A number is out of range.
    """
    for name, least in (("rounds", 1), ("warmup", 0), ("workers", 1), ("null_cohort", 0), ("parquet", 0), ("seed", 0)):
        if getattr(options, name) < least:
            raise BadInput(f"--{name.replace('_', '-')} {getattr(options, name)}: must be at least {least}")
    if options.chunk is not None and options.chunk < 1:
        raise BadInput(f"--chunk {options.chunk}: must be at least 1")
    wanted = [("cohort", options.workload, options.population, cohort) for cohort in options.cohorts]
    wanted += [("population", options.workload, population, options.cohort) for population in options.populations]
    if options.null_cohort:
        wanted.append(("null", "null", options.population, options.null_cohort))
    if not wanted and not options.parquet:
        raise BadInput("nothing to measure: give --cohorts, --populations, --null-cohort or --parquet")
    if options.parquet:
        check_sizes("parquet", smaller(options.parquet), options.cohort)
    chosen: dict[Setting, list[str]] = {}
    for sweep, workload, population, cohort in wanted:
        check_sizes(sweep, population, cohort)
        how = {name: getattr(options, name) for name in ("engine", "workers", "chunk", "tasks", "data_dir", "seed")}
        chosen.setdefault(Setting(workload, population, cohort, **how), []).append(sweep)
    for table in tables:
        how = {name: getattr(options, name) for name in ("engine", "workers", "chunk", "seed")}
        chosen[Setting("default", table.clients, options.cohort, tasks=table.task, **how)] = ["parquet"]
    return chosen


def smaller(clients: int) -> int:
    """Return how many clients a file has that one of ``clients`` is compared with."""
    return max(1, clients // 100)


def check_sizes(sweep: str, population: int, cohort: int) -> None:
    """Refuse a cohort that a population's seen clients cannot fill.

    Raises:
        BadInput: It cannot be filled.
    """
    flags = {
        "cohort": ("--population", "--cohorts"),
        "population": ("--populations", "--cohort"),
        "null": ("--population", "--null-cohort"),
        "parquet": ("--parquet", "--cohort"),
    }
    of_population, of_cohort = flags[sweep]
    for flag, value in ((of_population, population), (of_cohort, cohort)):
        if value < 1:
            raise BadInput(f"{flag} {value}: must be at least 1")
    seen = population - min(round(population * UNSEEN), population - 1)
    if cohort > seen:
        raise BadInput(
            f"{of_cohort} {cohort}: of {of_population} {population} clients {seen} take part in meta-training;"
            f" choose at most {seen}, or more clients"
        )


def measure(options: Options, tables: Sequence[files.Table] = ()) -> list[Figures]:
    """Run every configuration.

    Raises:
        BadInput: One cannot be used.
        Failed: One broke.
    """
    chosen = settings(options, tables)
    together = options.engine == "local" and not options.apart
    groups = [list(chosen)] if together else [[setting] for setting in chosen]
    found = []
    for group in groups:
        with ExitStack() as stack:
            cells = [stack.enter_context(Cell(setting)) for setting in group]
            for cell in cells:
                cell.ready()
            times: list[list[dict[str, Any]]] = [[] for _ in cells]
            for number in range(1, options.warmup + options.rounds + 1):
                for cell, own in zip(cells, times, strict=True):
                    own.append(cell.round(number))
            for cell, own in zip(cells, times, strict=True):
                counted = own[options.warmup :]
                found.append(Figures(cell.setting, chosen[cell.setting], counted, cell.end()))
    return found


def ratios(found: Sequence[Figures]) -> dict[str, tuple[float, str]]:
    """Return what is compared: a name → (ratio of the largest over the smallest, words for people)."""
    compared = {}
    for sweep, field, what, target in (
        ("cohort", "cost", "cost per client", " (target: at most 1.0)"),
        ("population", "peak", "peak memory", " (target: at most 1.1)"),
        ("cohort", "peak", "peak memory", ""),
        ("parquet", "peak", "peak memory", " from one Parquet file"),
    ):
        size = "population" if sweep == "parquet" else sweep
        own = sorted((f for f in found if sweep in f.sweeps), key=lambda f, by=size: getattr(f.setting, by))
        if len(own) > 1:
            first, last = own[0], own[-1]
            sizes = f"{size} {getattr(last.setting, size):,} over {getattr(first.setting, size):,}"
            name = f"{what} by {sweep}"
            compared[name] = (getattr(last, field) / getattr(first, field), f"{what}, {sizes}{target}")
    return compared


COLUMNS = (
    "workload", "population", "cohort", "a round, ms", "min", "max", "a client, ms", "drawing", "record",
    "imports, MiB", "peak", "closed",
)  # fmt: skip


def row(figures: Figures) -> tuple[str, ...]:
    """Return a configuration's row of the table."""
    own, seconds = figures.setting, [each["seconds"] for each in figures.rounds]
    parts = [figures.middle(what) for what in ("drawing", "record")]
    return (
        own.workload,
        f"{own.population:,}",
        f"{own.cohort:,}",
        f"{statistics.median(seconds) * 1e3:,.1f}",
        f"{min(seconds) * 1e3:,.1f}",
        f"{max(seconds) * 1e3:,.1f}",
        f"{figures.cost * 1e3:.3f}",
        *("–" if part is None else f"{part / own.cohort * 1e3:.3f}" for part in parts),
        *(f"{value / MIB:,.0f}" for value in (figures.memory["start"], figures.peak, figures.memory["closed"])),
    )


def report(options: Options, found: Sequence[Figures]) -> None:
    """Print the table, and the lines that say how sizes compare."""
    notes = (
        f"Medians of {options.rounds} rounds after {options.warmup}, engine {options.engine}, one thread a process.",
        "A client, ms: a round over its cohort; of that drawing episodes and writing the record.",
        "Memory: at most, of the process" + (" and its Ray workers" if options.engine == "ray" else "") + ", with up to"
        " 256 MiB of clients' rows that it keeps. Imports: before anything",
        "runs. Peak: after the last round. Closed: after the record was summarized, the process alone.",
    )
    show("How a round grows", COLUMNS, [row(each) for each in found], notes, options.markdown)
    for value, words in ratios(found).values():
        print(f"ratio {value:.2f}  {words}")
    for each in found:
        if "null" in each.sweeps:
            print(
                f"seconds {each.middle():.3f}  a round of {each.setting.cohort:,} clients that compute nothing"
                " (target at 5,000: at most 0.2)"
            )


def raw(found: Sequence[Figures]) -> dict[str, Any]:
    """Return the raw figures for a file."""
    cells = [{**asdict(f.setting), "sweeps": f.sweeps, "rounds": f.rounds, "memory": f.memory} for f in found]
    return {"cells": cells, "ratios": {name: value for name, (value, _) in ratios(found).items()}}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    options = tyro.cli(Options, args=argv, prog="python -m benchmarks.scaling", description=__doc__)
    try:
        check_target(options.json)
        settings(options)  # what cannot be is said before a file is made
        with tempfile.TemporaryDirectory(prefix="metafed-scaling-") as folder:
            sizes = sorted({smaller(options.parquet), options.parquet}) if options.parquet else []
            tables = [files.make(Path(folder), clients, options.seed) for clients in sizes]
            found = measure(options, tables)
    except BadInput as error:
        return complain(error)
    except Failed as error:
        print(f"metafed: {error}", file=sys.stderr)
        return 1
    report(options, found)
    for table in tables:
        print(
            f"file of {table.clients:,} clients: {table.disk / MIB:,.0f} MiB on disk,"
            f" {table.loaded / MIB:,.0f} MiB were it loaded"
        )
    if options.json is not None:
        write(options.json, "scaling", asdict(options), raw(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
