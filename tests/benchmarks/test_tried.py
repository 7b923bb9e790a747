"""Other ways to a module's meta-gradient lead to the same one."""

from functools import partial

import pytest
import torch

from benchmarks.modules import SAME
from benchmarks.tried import by_hand, compiled, flat, functional
from metafed.algorithms import Maml
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

SHARED = partial(functional, shared=True)


def as_compiled(*given):
    """Captured and compiled, then asked with the episode: a process's first compiling takes seconds."""
    return compiled(*given)(given[2])


@pytest.mark.parametrize("way", [flat, functional, SHARED, by_hand, pytest.param(as_compiled, marks=pytest.mark.slow)])
def test_another_way_to_the_same_meta_gradient(way):
    settings = {"tasks": "blobs", "clients": 3, "unseen": 0.0, "network": SAME, "precision": "float64"}
    federation = Federation(Experiment.model_validate(settings))
    episode = federation.population.training([0, 1, 2], 1).episode
    task, theta, exact = federation.tasks["blobs"], federation.initial, Maml(inner_steps=3)
    theta = {name: value.double() for name, value in theta.items()}
    expected = exact.update(task, theta, {}, episode, 1).directions
    found = way(task, theta, episode, 3, exact.inner_lr)
    assert set(found) == set(expected)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-12)
