"""``python -m benchmarks.elsewhere RUN --tasks omniglot:5w1s``: a run's θ, evaluated on unseen clients of other tasks.

ProtoNet's paper trains with more ways than it is evaluated with; its θ has no head, so that it fits tasks of any number
of classes. Other methods need networks of the same shapes.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

import metafed as mf
from benchmarks.results import complain
from benchmarks.tables import show
from metafed.fairness.intervals import mean_interval
from simulation import BadInput, load
from simulation.api.federation import Result


@dataclass
class Options:
    """The θ of a run, evaluated on unseen clients of other tasks."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of the run's record."""
    tasks: str
    """What is evaluated, as --tasks of a run."""
    eval_clients: int = 600
    """Unseen clients at most."""
    data_dir: str | None = None
    """Folder of the data sets. Default: the run's."""


def evaluated(asked: Options) -> dict[int, Result]:
    """Return what each unseen client reached."""
    run = load(asked.run)
    own = run.experiment.model_dump()
    other = {"tasks": asked.tasks, "eval_clients": asked.eval_clients, "data_dir": asked.data_dir or own["data_dir"]}
    federation = mf.Federation(mf.Experiment(**{**own, **other}))
    if not federation.unseen:
        raise BadInput(f"{asked.run}: the run held nobody out (--unseen 0)")
    state = federation.init(run.theta)
    return federation.evaluate(state, federation.unseen[: asked.eval_clients])


def main() -> int:
    """Print the mean after each inner step, with its interval, and return the exit code."""
    asked = tyro.cli(Options)
    try:
        found = evaluated(asked).values()
    except (BadInput, mf.SettingError) as error:
        return complain(error)
    usable = [result for result in found if not result.failure and np.isfinite(result.score).all()]
    if not usable:
        return complain(BadInput(f"{asked.run}: no unseen client has a score (--eval-rows of the run)"))
    scores, rows = np.array([result.score for result in usable]), []
    for place, step in enumerate(usable[0].steps):
        own = mean_interval(scores[:, place], most=1)
        assert own.value is not None, "somebody was evaluated"
        low, high = ("–" if end is None else f"{100 * end:.2f}" for end in (own.low, own.high))
        rows.append([str(step), f"{100 * own.value:.2f} [{low}, {high}]"])
    title = f"{asked.run} on {asked.tasks}, {len(usable)} unseen clients"
    notes = [f"{len(found) - len(usable)} clients failed, or have no score; they are left out."]
    show(title, ("inner steps", "mean score, %"), rows, notes if len(usable) < len(found) else (), markdown=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
