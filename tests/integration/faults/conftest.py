import pytest

from metafed.experiment.settings import Experiment


@pytest.fixture
def fair():
    """A small federation of one family, all of which train in every round; the step is θ − mean of the directions."""
    return Experiment(
        clients=10,
        unseen=0,
        cohort=10,
        rounds=3,
        chunk=4,
        width=6,
        depth=1,
        tasks="assistant",
        algorithm="fomaml",
        precision="float64",
        activation="tanh",
        outer_optimizer="sgd",
        outer_lr=0.5,
        eval_every=0,
        seed=2,
    )
