"""Meta-learning happens: the sinusoids of Finn et al. 2017, section 5.1, as published but for the iterations.

Amplitude U[0.1, 5], phase U[0, π], x U[−5, 5], 10 rows to adapt on, a 1-40-40-1 ReLU network, one inner step with
α = 0.01, Adam 0.001, 25 tasks a step. The paper takes 70 000 steps. Weights and biases start uniform in
±1/√inputs: with biases of 0 all kinks of a network of one input lie at x = 0, and learning takes many times longer.
"""

import numpy as np
import pytest
import torch

from metafed.algorithms import Maml
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.core.streams import stream
from metafed.models import Mlp, layout
from metafed.tasks.task import task_of

torch.set_num_threads(1)

SHOTS, TASKS, ITERATIONS = 10, 25, 4000
MODEL = Mlp("sine", features=1, outputs=1, width=40, depth=1, activation="relu")
TASK = task_of(MODEL, "regression")
MAML = Maml(inner_steps=1, inner_lr=0.01)


def sinusoids(number, tasks, query):
    """Draw one episode of ``tasks`` sinusoids; None as ``query`` is a grid of 100 points."""
    rng = stream(0, "sinusoids", number)
    amplitude, phase = rng.uniform(0.1, 5, (tasks, 1, 1)), rng.uniform(0, np.pi, (tasks, 1, 1))

    def batch(x):
        y = amplitude * np.sin(x - phase)
        return Batch(torch.from_numpy(x).float(), torch.from_numpy(y).float(), torch.ones(x.shape[:2]))

    grid = np.broadcast_to(np.linspace(-5, 5, 100).reshape(1, 100, 1), (tasks, 100, 1))
    evaluated = grid.copy() if query is None else rng.uniform(-5, 5, (tasks, query, 1))
    return Episode(batch(rng.uniform(-5, 5, (tasks, SHOTS, 1))), batch(evaluated))


def initial():
    """Draw θ."""
    theta = {}
    shapes = layout({"sine": MODEL}).shapes
    for name, shape in shapes.items():
        inputs = shapes[name.replace("bias", "weight")][0]
        drawn = stream(0, name).uniform(-1, 1, shape) / np.sqrt(inputs)
        theta[name] = torch.from_numpy(drawn).float()
    return theta


def trained(algorithm):
    """Train θ by Adam along the mean of the clients' directions."""
    theta = initial()
    optimizer = torch.optim.Adam(theta.values(), lr=1e-3)
    for iteration in range(ITERATIONS):
        update = algorithm.update(TASK, theta, {}, sinusoids(1 + iteration, TASKS, SHOTS), iteration + 1)
        for name, value in theta.items():
            value.grad = update.directions[name].mean(0)
        optimizer.step()
    return theta


def errors(theta):
    """Return the mean squared error on 600 new tasks after each of the steps 0 … 10."""
    episode = sinusoids(0, 600, None)
    found = MAML.adapt(TASK, spread(theta, 600), {}, episode.support, 10)
    return [TASK.loss(TASK.predict(phi, episode.query.x), episode.query).mean().item() for phi in found]


@pytest.fixture(scope="module")
def maml():
    return errors(trained(MAML))


@pytest.mark.slow
def test_one_step_of_adaptation_divides_the_error_by_three(maml):
    assert maml[0] > 3 * maml[1]


@pytest.mark.slow
def test_more_steps_than_it_was_trained_with_serve_still_better(maml):
    steps = [maml[k] for k in (0, 1, 2, 5, 10)]
    assert steps == sorted(steps, reverse=True)


@pytest.mark.slow
def test_it_adapts_better_than_a_network_trained_on_all_tasks_at_once(maml):
    # without inner steps MAML's direction is the gradient of the joint loss
    joint = errors(trained(Maml(inner_steps=0)))
    assert maml[1] < joint[1] / 2
    assert maml[10] < joint[10] / 2
