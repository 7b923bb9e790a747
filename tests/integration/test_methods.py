"""Methods for which the server keeps more than θ: restored after every round, on several nodes, in other chunks."""

import numpy as np
import pytest

from metafed.algorithms import ALGORITHMS
from metafed.experiment.settings import Experiment
from server.outer import Outer
from simulation.api.federation import Federation
from tests.integration.pool import run
from tests.integration.test_objectives import Nodes

ROUNDS = 3
METHODS: dict[str, dict[str, object]] = {
    "fedfv": {"algorithm": "fedavg", "aggregator": {"name": "fedfv", "tau": 2}},
    "fedmgda+": {"algorithm": "fedavg", "aggregator": "fedmgda+"},
    "scaffold": {"algorithm": "scaffold", "outer_optimizer": "momentum"},
    "feddyn": {"algorithm": "feddyn"},
    "ifca": {"algorithm": "ifca"},
    "fedem": {"algorithm": "fedem"},
    "knn-per": {"algorithm": "knn-per"},
    "fedproto": {"algorithm": "fedproto"},
    "pefll": {"algorithm": "pefll"},
    "fednova": {"algorithm": "fednova", "local": {"epochs": 2, "batch_size": 8}, "outer_optimizer": "adam"},
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


MEANS = [name for name, settings in METHODS.items() if name in ALGORITHMS and ALGORITHMS[name]().needs_means]


@pytest.mark.parametrize("name", MEANS)
def test_masked_sums_and_nodes_that_tell_sums_only_step_alike(small, name):
    openly = experiment(small, name, cohort=9)  # two clients at least hold every part
    whole, hidden = run(openly), run(openly, Nodes(openly.to_run_config(), 2))
    masked = run(experiment(small, name, cohort=9, secure={"aggregation": True, "fewest": 2}))
    for part, vector in whole.items():
        np.testing.assert_allclose(vector, hidden[part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(vector, masked[part], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize(
    ("flag", "changed"),
    [
        ("--objective tilted", {"objective": "tilted"}),
        ("--aggregator median", {"aggregator": "median"}),
        ("differential privacy", {"privacy": {"noise": 1.0, "clip": 1.0}}),
    ],
)
def test_what_is_no_mean_is_refused_by_name(small, name, flag, changed):
    with pytest.raises(ValueError, match=f"(--algorithm {name} cannot be combined with {flag}|algorithm {name})"):
        experiment(small, name, **changed)


def test_what_is_beside_the_model_moves_by_its_direction_under_any_optimizer():
    theta, marked = {"trunk": np.array([1.0, 2.0, 3.0])}, {"trunk": np.array([False, True, False])}
    outer, plain = Outer(theta, "adam", 0.1, marked), Outer({"trunk": np.array([1.0, 3.0])}, "adam", 0.1)
    for direction in ([0.5, 0.25, -1.0], [2.0, -4.0, 0.125]):
        outer.step({"trunk": np.array(direction)})
        plain.step({"trunk": np.array(direction)[[0, 2]]})
    assert outer.theta["trunk"][1] == 2.0 - 0.25 + 4.0
    np.testing.assert_array_equal(outer.theta["trunk"][[0, 2]], plain.theta["trunk"])
    assert set(outer.state["trunk"]) == set(plain.state["trunk"])
    assert len(outer.state["trunk"]["mean"]) == 2
