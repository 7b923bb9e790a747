"""Methods for which the server keeps more than θ: restored after every round, on several nodes, in other chunks."""

import numpy as np
import pytest

from metafed.experiment.settings import Experiment
from simulation.api.federation import Federation
from tests.integration.pool import run
from tests.integration.test_objectives import Nodes

ROUNDS = 3
METHODS = {
    "fedfv": {"algorithm": "fedavg", "aggregator": {"name": "fedfv", "tau": 2}},
    "fedmgda+": {"algorithm": "fedavg", "aggregator": "fedmgda+"},
}
each_method = pytest.mark.parametrize("name", METHODS)


def experiment(small, name, **changed):
    settings = {"tasks": "personalization,assistant", "clients": 14, "cohort": 5, "rounds": ROUNDS, "eval_every": 0}
    return Experiment.model_validate({**small.model_dump(), **settings, **METHODS[name], **changed})


@each_method
def test_a_loop_that_restores_every_round_takes_the_steps_of_a_run(small, name):
    made = Federation(experiment(small, name))
    state = made.init()
    for number in range(1, ROUNDS + 1):
        state, results = made.round(state, made.sample(number, state), number)
        assert not any(each.failure for each in results.values())
    theta = run(made.experiment)
    for part, vector in state.theta.items():
        np.testing.assert_array_equal(vector, theta[part])


@each_method
def test_any_number_of_nodes_and_any_chunking_step_alike(small, name):
    chosen = experiment(small, name, chunk=1)
    whole, single = run(experiment(small, name)), run(chosen)
    several = run(chosen, Nodes(chosen.to_run_config(), 3, **{"share-client-rows": True}))
    for part, vector in whole.items():
        np.testing.assert_allclose(vector, single[part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(vector, several[part], rtol=1e-8, atol=1e-9)
