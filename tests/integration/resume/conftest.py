import pytest

from metafed.experiment.settings import Experiment


@pytest.fixture(scope="session")
def tiny():
    return Experiment(
        clients=9, cohort=5, rounds=7, width=6, eval_every=3, chunk=2, tasks="personalization,assistant", seed=4
    )
