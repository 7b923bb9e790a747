import pytest

from metafed.experiment.settings import Experiment


@pytest.fixture
def small():
    """A small experiment in float64 whose outer step is θ − mean of the directions."""
    return Experiment(
        clients=10,
        rounds=2,
        unseen=0.2,
        chunk=3,
        width=8,
        precision="float64",
        activation="tanh",
        outer_optimizer="sgd",
        outer_lr=1.0,
        eval_every=1,
        seed=3,
    )
