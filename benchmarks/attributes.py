"""Whether planted unfairness between rows is found, and nothing where none is planted: run after run, real models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import tyro

from benchmarks.tables import show
from metafed.experiment.settings import Experiment
from metafed.fairness.attributes import MEASURES
from simulation import simulate

BIASES = {"planted": "b:0.5:labels=0.8:of=rows", "clean": "b:0.5:of=rows"}
"""Half of each client's rows have the value ``b``, of which 80 % have their labels dealt anew, or none."""


@dataclass
class Arguments:
    """Of how many seeds are differences between rows found?"""

    seeds: int = 10
    """Runs of each kind."""
    clients: int = 80
    """Clients of a run, of which half are unseen."""
    rounds: int = 20
    """Rounds of meta-training."""
    family: str = "personalization"
    """A classification."""
    format: Literal["text", "markdown"] = "text"


def found(arguments: Arguments, bias: str, seed: int) -> dict[tuple[str, str], bool]:
    """Return whether a run finds each measure's difference over all unseen clients, before adaptation and after."""
    experiment = Experiment(
        tasks=arguments.family, clients=arguments.clients, rounds=arguments.rounds, unseen=0.5, width=16, eval_every=0,
        seed=seed, inject_bias=bias, keep_predictions=True,
    )  # fmt: skip
    run = simulate(experiment, engine="local", progress=False)
    (entry,) = [each for each in run.summary.attributes if each["part"] == "unseen"]
    return {(side, name): entry[side][name]["all"]["found"] for side in ("before", "after") for name in MEASURES}


def counts(arguments: Arguments, kind: str) -> dict[tuple[str, str], int]:
    """Return of how many seeds each is found."""
    runs = [found(arguments, BIASES[kind], seed) for seed in range(arguments.seeds)]
    return {key: sum(each[key] for each in runs) for key in runs[0]}


def main(arguments: Arguments) -> int:
    """Print a table: of so many seeds a difference is found."""
    rows: list[Sequence[str]] = [
        (kind, side, *(f"{made[side, name]} of {arguments.seeds}" for name in MEASURES))
        for kind in BIASES
        for made in [counts(arguments, kind)]
        for side in ("before", "after")
    ]
    show("found, over all unseen clients", ("rows", "adaptation", *MEASURES), rows, (), arguments.format == "markdown")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments, description=__doc__)))
