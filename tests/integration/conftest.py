"""Two Ray workers that these tests share, each turned to its own experiment: to start a cluster takes ten seconds."""

import pytest

from metafed.experiment.settings import Experiment


@pytest.fixture(scope="package")
def workers():
    """A RayGrid of two workers; a test that uses it has the mark ``ray``."""
    from simulation.engines.ray import RayGrid

    grid = RayGrid(Experiment(clients=4).to_run_config(), workers=2, worker_cpus=0.5)
    yield grid
    grid.close()
