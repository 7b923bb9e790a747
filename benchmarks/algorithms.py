"""``python -m benchmarks.algorithms``: every algorithm on the same clients, seed and budget of gradient evaluations.

Each is run with its defaults by the simulator itself (``--engine local``), for as many rounds as the
budget of ``--rounds`` rounds of MAML allows; what a round costs is counted (benchmarks/gradients.py).
"""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.gradients import evaluations_of_a_round, one_thread
from benchmarks.tables import show
from metafed.algorithms import ALGORITHMS
from metafed.experiment.choices import names
from metafed.experiment.lookup import algorithm_class
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from simulation.cli.config import Config
from simulation.cli.errors import RunFailed
from simulation.report.pages import write_report
from simulation.runs.simulate import simulate

COLUMNS = (
    "algorithm",
    "rounds",
    "gradients a client",
    "seen: before → after",
    "unseen: before → after",
    "worst 10 %",
)
MISSING = "–"
DEFINED = tuple(name for name, algorithm in ALGORITHMS.items() if not algorithm.needs_norm)
"""Methods for networks without norms, as these families' are."""


class Budget(NamedTuple):
    """What every algorithm may spend.

    Attributes:
        base: The experiment, with the algorithm that sets the budget.
        evaluations: Gradient evaluations.
    """

    base: Experiment
    evaluations: float


def fitted(base: Experiment, name: str) -> tuple[Experiment, list[str]]:
    """Return the experiment with algorithm ``name``, without the families that it cannot run, and those."""
    algorithm = algorithm_class(name)()
    families = names(base.tasks)
    kept = [family for family in families if FAMILIES[family].kind in algorithm.kinds]
    # each family keeps its share of the clients
    changed = {
        "algorithm": algorithm,
        "tasks": ",".join(kept),
        "clients": round(base.clients * len(kept) / len(families)),
    }
    return Experiment(**{**base.model_dump(), **changed}), [family for family in families if family not in kept]


def measure(budget: Budget, name: str, folder: Path) -> tuple[str, ...]:
    """Run one algorithm and return its row."""
    base, families = budget.base, names(budget.base.tasks)
    experiment, without = fitted(base, name)
    cost = evaluations_of_a_round(experiment)
    # a run of fewer families has its share of the budget
    share = budget.evaluations * experiment.clients / base.clients
    rounds = max(1, round(share / cost))
    cohort = Federation(experiment).roster.cohort_size
    experiment = Experiment(**{**experiment.model_dump(), "rounds": rounds, "algorithm": experiment.algorithm})
    began = time.perf_counter()
    try:
        simulate(Config(experiment=experiment, engine="local", quiet=True, out=folder), report=write_report)
    except RunFailed as error:
        return (name, str(rounds), f"{cost / cohort:.2f}", f"failed: {error}", *[MISSING] * (5 + len(families)))
    seconds = time.perf_counter() - began
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    lines = [json.loads(text) for text in (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()]
    sent = sum(line["bytes_up"] + line["bytes_down"] for line in lines) / 1e6
    label = f"{name} (not {', '.join(without)})" if without else name
    return (
        label,
        str(rounds),
        f"{cost / cohort:.2f}",
        change(summary["seen"]),
        change(summary["unseen"]),
        number(summary["fairness"]["worst10"]["value"]),
        *(number(after(summary["by_family"].get(family))) for family in families),
        f"{sent:.3g}",
        f"{cost * rounds:.3g}",
        f"{seconds:.0f}",
    )


def change(block: dict[str, Any] | None) -> str:
    """Return mean scores before and after adaptation."""
    return MISSING if block is None else f"{number(block['before']['value'])} → {number(block['after']['value'])}"


def after(parts: dict[str, Any] | None) -> float | None:
    """Return a family's mean score after adaptation, of unseen clients where there are any."""
    if parts is None:
        return None
    value: float | None = (parts["unseen"] or parts["all"])["after"]["value"]
    return value


def number(value: float | None) -> str:
    """Format a score."""
    return MISSING if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.algorithms", description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of MAML, which set the budget")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--algorithms", default=",".join(DEFINED), help="names, separated by commas")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(argv)
    one_thread()
    base = Experiment(
        clients=options.clients, rounds=options.rounds, seed=options.seed, width=options.width, eval_every=0
    )
    budget = Budget(base, options.rounds * evaluations_of_a_round(base))
    families = names(base.tasks)
    columns = (*COLUMNS, *families, "MB", "gradients", "seconds")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for index, name in enumerate(options.algorithms.split(",")):
            rows.append(measure(budget, name, Path(folder) / str(index)))
    notes = (
        f"{options.clients} generated clients, seed {options.seed}, each algorithm with its defaults.",
        "Scores: means over clients of accuracy, or of skill for regression. worst 10 %: of all clients, adapted.",
        "A family's column: unseen clients, adapted. In brackets: families that an algorithm is not defined for.",
        "gradients: evaluations in meta-training, counted in floating-point operations; one is a gradient on all",
        "rows of a client's episode. MB: sent up and down. seconds: one thread, with evaluation.",
    )
    show("Every algorithm at an equal budget", columns, rows, notes, options.markdown)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
