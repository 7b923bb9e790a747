"""``python -m benchmarks.policies``: what the surrogate's memory λ does to meta-training, without a server.

MAML with one inner step on worlds of the family ``environment``, 20 episodes before and 20 after it. The test is on 100
clients that meta-training never saw; what is printed is their mean return, as papers have it.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.gradients import one_thread
from metafed.algorithms import Maml
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.core.streams import stream
from metafed.data.source import Origin
from metafed.environments.base import Environment
from metafed.families.environment import Goals, Poles, World
from metafed.models import Mlp, initialize, layout
from metafed.tasks.task import Control

EPISODES, UNSEEN = 20, 100
SOURCES: dict[str, type[World]] = {"navigation": Goals, "cartpole": Poles}
OUTER = {"navigation": 0.003, "cartpole": 0.001}
WIDTH, DEPTH = 64, 1


def live(world: Environment, physics: Sequence[np.ndarray], number: int, seed: int) -> Episode:
    """Draw the noise of one meta-learning episode of each client with ``physics``."""
    rng = stream(seed, "benchmarks/policies", number)
    x = torch.from_numpy(np.stack([world.rows(own, 2 * EPISODES, rng) for own in physics]))
    rows = Batch(x, torch.zeros(*x.shape[:2], 2), torch.ones(x.shape[:2]))
    support, query = (Batch(*(part[:, side * EPISODES : (side + 1) * EPISODES] for part in rows)) for side in range(2))
    return Episode(support, query)


def returned(world: Environment, loss: torch.Tensor) -> float:
    """Return the mean return behind mean costs a step ``(C,)``: minus the costs, or the steps that were not lost."""
    return float((world.lost - loss.mean()) * world.horizon)


def main(argv: Sequence[str] | None = None) -> None:
    """Meta-train and print a line every 50 rounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies", description=__doc__)
    parser.add_argument("--world", choices=SOURCES, default="navigation")
    parser.add_argument("--memory", type=float, default=0.0, help="λ of the surrogate, 0 … 1")
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--cohort", type=int, default=20)
    parser.add_argument("--inner-lr", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--straight", action="store_true", help="cartpole: nobody's controls are crossed")
    chosen = parser.parse_args(argv)
    one_thread()
    source = SOURCES[chosen.world](Origin(chosen.seed, ()))
    world, maml = source.environment, Maml(inner_steps=1, inner_lr=chosen.inner_lr)
    model = Mlp("environment", source.outputs, source.features, WIDTH, DEPTH, "tanh")
    task = Control(model, world, chosen.memory)
    theta = initialize(layout({"environment": model}), chosen.seed, torch.float32)
    adam = torch.optim.Adam([tensor.requires_grad_() for tensor in theta.values()], OUTER[chosen.world])

    def physics(first: int, count: int) -> list[np.ndarray]:
        drawn = [source.physics(client) for client in range(first, first + count)]
        return [np.append(own[:-1], abs(own[-1])) for own in drawn] if chosen.straight else drawn

    unseen = live(world, physics(0, UNSEEN), 0, chosen.seed)
    for number in range(chosen.rounds + 1):
        plain = {name: tensor.detach() for name, tensor in theta.items()}
        if number % 50 == 0:
            reached = [
                returned(world, task.loss(task.predict(phi, unseen.query.x).detach(), unseen.query))
                for phi in maml.adapt(task, spread(plain, UNSEEN), {}, unseen.support, 1)
            ]
            print(
                f"round {number:4d}: return {reached[0]:8.2f} before and {reached[1]:8.2f} after one step", flush=True
            )
        clients = physics(UNSEEN + number * chosen.cohort, chosen.cohort)
        update = maml.update(task, plain, {}, live(world, clients, number + 1, chosen.seed), number + 1)
        for name, tensor in theta.items():
            tensor.grad = update.directions[name].mean(0)
        adam.step()


if __name__ == "__main__":
    main()
