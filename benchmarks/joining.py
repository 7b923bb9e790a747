"""``python -m benchmarks.joining``: how unseen clients are served after few inner steps, and after those of a method.

A method that leaves a head, or the whole model, to its clients has nothing trained for a new one: it needs more steps
than a method that trains a start. One run a method is evaluated after each step. Who is worse off than alone is read
where both have the steps that they ask for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import tyro

from benchmarks.tables import show
from metafed.experiment.lookup import algorithm_class
from metafed.experiment.settings import Experiment
from metafed.fairness.panel import Panel, last_evaluation
from metafed.families import FAMILIES
from simulation import simulate
from simulation.analysis.measures import Served, worse_off

FEW = ("maml", "fedavg-ft", "ditto")
"""Methods whose new clients begin with a trained model: they ask for the steps of training."""
MANY = ("fedper", "fedrep", "local")
"""Methods whose new clients begin with an untrained head, or model."""


@dataclass
class Arguments:
    """How many steps do new clients need?"""

    clients: int = 50
    """Clients of a run, of which a fifth is unseen."""
    rounds: int = 100
    """Rounds of meta-training."""
    few: int = 5
    """Steps of a method with a trained start."""
    many: int = 50
    """Steps of the others."""
    width: int = 64
    """Units of a layer."""
    seed: int = 0
    """Of the runs."""
    format: Literal["text", "markdown"] = "text"


def unseen(arguments: Arguments, name: str) -> Panel:
    """Return the unseen clients of a run, with their scores after each of ``many`` steps."""
    experiment = Experiment(
        algorithm=algorithm_class(name)(), clients=arguments.clients, rounds=arguments.rounds, eval_every=0,
        eval_steps=arguments.many, width=arguments.width, seed=arguments.seed,
    )  # fmt: skip
    run = simulate(experiment, engine="local", progress=False)
    _, people = last_evaluation(run.clients)
    return people.usable.where(~people.usable.seen)


def after(people: Panel, steps: int) -> Panel:
    """Return the same clients as they are after ``steps``."""
    return replace(people, scores=people.scores[:, : steps + 1])


def main(arguments: Arguments) -> int:
    """Print a table, a row a method."""
    kinds = {name: family.kind for name, family in FAMILIES.items()}
    found = {name: unseen(arguments, name) for name in (*FEW, *MANY)}
    alone = after(found["local"], arguments.many)
    rows: list[Sequence[str]] = []
    for name, people in found.items():
        own = arguments.few if name in FEW else arguments.many
        common = np.intersect1d(people.client, alone.client)
        both, reference = (each.where(np.isin(each.client, common)) for each in (people, alone))
        shares = (worse_off(Served(after(both, steps), reference), kinds).mean() for steps in (arguments.few, own))
        scores = (people.scores[:, steps].mean() for steps in (arguments.few, arguments.many, own))
        rows.append((name, *(f"{score:.3f}" for score in scores), str(own), *(f"{share:.2f}" for share in shares)))
    few, many = arguments.few, arguments.many
    columns = (
        "method", f"{few} steps", f"{many} steps", "its own", "which are",
        f"worse off than alone: {few} steps", "its own",
    )  # fmt: skip
    note = f"Unseen clients, n = {len(alone)}, mean score; alone: local after {many} steps."
    show("Steps of new clients", columns, rows, (note,), arguments.format == "markdown")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Arguments, description=__doc__)))
