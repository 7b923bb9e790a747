"""What policies of a finished run got: the return of an episode before and after adaptation, as papers have it.

A client's loss is its mean cost a step over the episodes that evaluate it, from ``clients.parquet``; a return is the
reward of a whole episode. Reward is minus the cost in navigation, and 1 in CartPole for each step that the pole was up.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.tables import show
from metafed.environments.base import Environment
from metafed.environments.cartpole import CartPole
from metafed.environments.navigation import Navigation
from metafed.experiment.settings import Experiment
from metafed.fairness.intervals import Estimate, mean_interval
from metafed.federation.federation import Federation
from metafed.tasks.task import Control

PUBLISHED = {
    Navigation: (
        "Published for 2-D navigation, 1 gradient step on 20 trajectories: MAML −20.3 ± 3.2, ANIL −20.1 ± 2.3 (Raghu et"
        " al., ICLR 2020, arXiv 1909.09157)."
    ),
    CartPole: "No published return that we could confirm. The longest episode has 200 steps.",
}


def worlds(experiment: Experiment) -> dict[str, Environment]:
    """Return the worlds of the experiment's families in which a policy acts; most have none."""
    return {name: task.environment for name, task in Federation(experiment).tasks.items() if isinstance(task, Control)}


def returned(world: Environment, loss: np.ndarray) -> np.ndarray:
    """Return the return of an episode, of the same shape as mean costs a step ``loss``."""
    return np.asarray(world.horizon * (world.lost - loss))


def last_losses(run: Path, family: str) -> dict[str, np.ndarray]:
    """Return the losses ``(C, K + 1)`` of the last evaluation by step, of seen and unseen clients, where there are any.

    Raises:
        FileNotFoundError: The run has left no rows.
    """
    import polars as pl

    rows = pl.read_parquet(run / "clients.parquet", glob=False).filter(
        (pl.col("phase") == "evaluate") & (pl.col("family") == family)
    )
    rows = rows.filter(pl.col("round") == pl.col("round").max()).sort("client", "step")
    steps = rows["step"].n_unique()
    halves = {name: rows.filter(pl.col("seen") == seen) for name, seen in (("seen", True), ("unseen", False))}
    return {name: own["loss"].to_numpy().reshape(-1, steps) for name, own in halves.items() if own.height}


def cell(estimate: Estimate) -> str:
    """Return a mean over clients with its 95 % interval."""
    ends = "" if estimate.low is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:.2f}{ends}"


def returns(run: Path, experiment: Experiment, markdown: bool) -> None:
    """Print a table for each family of the run in which policies act."""
    for family, world in worlds(experiment).items():
        rows: list[Sequence[str]] = []
        for who, losses in last_losses(run, family).items():
            # a policy that diverged has no return: it is left out, and counted as a client
            got = returned(world, losses[np.isfinite(losses).all(1)])
            before, after = got[:, 0], got[:, -1]
            numbers = (before, got[:, 1], after, after - before)
            rows.append((f"{who} ({len(got)} of {len(losses)})", *(cell(mean_interval(own)) for own in numbers)))
        steps = experiment.evaluation_steps
        notes = (
            f"Return of an episode of {world.horizon} steps: mean over clients, with 95 % interval.",
            next(text for kind, text in PUBLISHED.items() if isinstance(world, kind)),
        )
        names = ("clients", "before", "after 1 step", f"after {steps}", "gain")
        show(f"{type(world).__name__}: what policies got", names, rows, notes, markdown)
