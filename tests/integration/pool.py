"""Run the two apps over one of our grids, as the command does."""

import numpy as np

from metafed.federation.federation import Federation
from server.asking import record
from server.strategy import MetaStrategy
from simulation.engines.local import LocalGrid


def initial(experiment):
    return Federation(experiment).vectors


def strategy_of(experiment, observe=lambda finished: None):
    return MetaStrategy(Federation(experiment), observe)


def run(experiment, grid=None, observe=lambda finished: None, rounds=None):
    """Return θ, one flat vector a part, after ``rounds`` rounds."""
    grid = grid or LocalGrid(experiment.to_run_config())
    strategy = strategy_of(experiment, observe)
    strategy.evaluate_first(grid, record(initial(experiment)), 600)
    strategy.start(grid, record(initial(experiment)), num_rounds=rounds or experiment.rounds, timeout=600)
    return strategy.outer.theta


def assert_workers_give_the_bits_of_one_process(experiment, workers):
    """Assert that every number that a round ends with is the same by ``workers``, a RayGrid, as in this process."""
    workers.turn(experiment.to_run_config())
    rounds = {"ray": [], "local": []}
    theirs, ours = run(experiment, workers, rounds["ray"].append), run(experiment, observe=rounds["local"].append)
    assert theirs.keys() == ours.keys()
    for part, vector in ours.items():
        np.testing.assert_array_equal(vector, theirs[part])
    for mine, other in zip(rounds["local"], rounds["ray"], strict=True):
        for left, right in zip([*mine.training, *mine.evaluation], [*other.training, *other.evaluation], strict=True):
            np.testing.assert_array_equal(left.client, right.client)
            np.testing.assert_array_equal(left.score, right.score)
