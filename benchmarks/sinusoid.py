"""``python -m benchmarks.sinusoid``: regression of sine waves, at an equal budget of gradient evaluations.

The setting of Finn et al. 2017, section 5.1: amplitude U[0.1, 5], phase U[0, π], inputs U[−5, 5], a ReLU
network 1-40-40-1, 10 points to adapt on, one inner step with α = 0.01, Adam 0.001, 25 waves an
iteration. The paper takes 70 000 iterations. The test is on 600 waves with a query of 100 points on a grid.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.gradients import evaluations, one_thread
from benchmarks.tables import show
from metafed.algorithms import Algorithm, Anil, Fomaml, Maml, MetaSgd, Reptile
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import Params, spread
from metafed.core.streams import stream
from metafed.fairness.intervals import mean_interval
from metafed.models import Mlp, layout
from metafed.tasks.task import task_of
from server.outer import Outer

SHOTS, WAVES = 10, 25
STEPS = (0, 1, 2, 5, 10)
TASK = task_of(Mlp("sinusoid", 1, features=1, width=40, depth=1, activation="relu"), "regression")


@dataclass(frozen=True)
class Contender:
    """One row: how θ is trained, how it is adapted, and the outer optimizer."""

    name: str
    algorithm: Algorithm
    adapting: Algorithm
    optimizer: str = "adam"
    rate: float = 0.001


def contenders() -> list[Contender]:
    """Return the methods; joint pre-training is MAML without inner steps, on all rows that it is given."""
    step = {"inner_steps": 1, "inner_lr": 0.01}
    same = [
        Contender(name, algorithm, algorithm)
        for name, algorithm in (
            ("maml", Maml(**step)),
            ("fomaml", Fomaml(**step)),
            ("meta-sgd", MetaSgd(**step)),
            ("anil", Anil(**step)),
        )
    ]
    reptile = Reptile(inner_steps=5, inner_lr=0.01)
    joint = Contender("joint pre-training", Maml(inner_steps=0), Maml(**step))
    return [*same, Contender("reptile", reptile, reptile, "sgd", 0.5), joint]


def initial(seed: int) -> dict[str, torch.Tensor]:
    """Draw a network's parameters, uniform in ±1/√inputs: with larger ones α = 0.01 overshoots at first."""
    theta, shapes = {}, layout({"sinusoid": TASK.model}).shapes
    for name, shape in shapes.items():
        inputs = shapes[name.replace("bias", "weight")][0]
        drawn = stream(seed, f"benchmarks/sinusoid/{name}").uniform(-1, 1, shape) / np.sqrt(inputs)
        theta[name] = torch.from_numpy(drawn).float()
    return theta


def waves(number: int, count: int, query: int | None, seed: int) -> Episode:
    """Draw one episode of ``count`` waves; without ``query``, a grid of 100 points is evaluated."""
    rng = stream(seed, "benchmarks/sinusoid", number)
    amplitude, phase = rng.uniform(0.1, 5, (count, 1, 1)), rng.uniform(0, np.pi, (count, 1, 1))

    def batch(x: np.ndarray) -> Batch:
        y = amplitude * np.sin(x - phase)
        return Batch(torch.from_numpy(x).float(), torch.from_numpy(y).float(), torch.ones(x.shape[:2]))

    support = rng.uniform(-5, 5, (count, SHOTS, 1))
    grid = np.broadcast_to(np.linspace(-5, 5, 100).reshape(1, 100, 1), (count, 100, 1)).copy()
    return Episode(batch(support), batch(grid if query is None else rng.uniform(-5, 5, (count, query, 1))))


def train(contender: Contender, iterations: int, seed: int) -> Params:
    """Return θ after ``iterations`` steps of the outer optimizer along the mean direction."""
    algorithm = contender.algorithm
    theta = algorithm.shared(initial(seed))
    outer = Outer({name: value.numpy() for name, value in theta.items()}, contender.optimizer, contender.rate)
    for iteration in range(1, iterations + 1):
        update = algorithm.update(TASK, theta, {}, waves(iteration, WAVES, SHOTS, seed), iteration)
        outer.step({name: direction.mean(0).numpy() for name, direction in update.directions.items()})
        theta = {name: torch.from_numpy(value) for name, value in outer.theta.items()}
    return theta


def errors(contender: Contender, theta: Params, count: int, seed: int) -> list[np.ndarray]:
    """Return the mean squared error of each of ``count`` new waves after each of the steps 0 … 10."""
    episode = waves(0, count, None, seed)
    path = contender.adapting.adapt(TASK, spread(theta, count), {}, episode.support, max(STEPS))
    found = []
    for phi in path:
        with torch.no_grad():
            found.append(TASK.loss(TASK.predict(phi, episode.query.x), episode.query).double().numpy())
    return found


def cell(values: np.ndarray) -> str:
    """Return mean and 95 % half-width, or how many waves diverged."""
    lost = int((~np.isfinite(values)).sum())
    if lost:
        return f"diverged ({lost}/{len(values)})"
    estimate = mean_interval(values)
    half = 0.0 if estimate.high is None or estimate.value is None else estimate.high - estimate.value
    return f"{estimate.value:.3g} ± {half:.2g}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sinusoid", description=__doc__)
    parser.add_argument("--iterations", type=int, default=10000, help="iterations of MAML, which set the budget")
    parser.add_argument("--test-tasks", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(argv)
    one_thread()
    network, sample = initial(0), waves(1, WAVES, SHOTS, 0)
    everyone = contenders()
    cost = {each.name: evaluations(each.algorithm, TASK, network, sample) for each in everyone}
    budget = options.iterations * cost["maml"]
    rows = []
    for each in everyone:
        iterations, began = round(budget / cost[each.name]), time.perf_counter()
        theta = train(each, iterations, options.seed)
        seconds = time.perf_counter() - began
        found = errors(each, theta, options.test_tasks, options.seed)
        rows.append(
            (each.name, f"{cost[each.name]:.2f}", str(iterations), *(cell(found[k]) for k in STEPS), f"{seconds:.0f}")
        )
    columns = ("method", "gradients a task", "iterations", *(f"step {k}" for k in STEPS), "seconds")
    notes = (
        f"Mean squared error over {options.test_tasks} new waves ± 95 % interval; {SHOTS} points to adapt on.",
        f"Budget: {budget * WAVES:.3g} gradient evaluations each, counted in floating-point operations;",
        f"one evaluation is a gradient on a task's {2 * SHOTS} rows (benchmarks/gradients.py).",
    )
    show("Sinusoid regression", columns, rows, notes, options.markdown)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
