"""Which algorithm can have which objective follows from what its update says."""

import pytest

from metafed.algorithms import ALGORITHMS
from metafed.experiment.rules.settings import check_objective
from metafed.experiment.settings import Experiment
from metafed.objectives import OBJECTIVES
from tests.metafed.algorithms.clients import begin, ragged
from tests.metafed.models.problems import network

LOSSES = [name for name, kind in OBJECTIVES.items() if kind.uses == "losses"]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_clients_are_judged_on_what_they_end_up_with_or_the_algorithm_says_no(name):
    algorithm = ALGORITHMS[name]()
    task, theta, episode = network("classification")
    episode = ragged(episode)
    shared, state = begin(algorithm, theta, 3)
    update = algorithm.update(task, shared, state, episode, 1)
    assert algorithm.weighable_losses == (update.step == algorithm.evaluation_steps)
    rows = episode.support.mask.sum(1) + episode.query.mask.sum(1)
    expected = {"alike": rows / rows, "rows": rows, "none": 0 * rows}[algorithm.weighs]
    assert update.weights.tolist() == expected.tolist()
    assert bool(update.directions) == (algorithm.weighs != "none")


def test_what_cannot_be_had_is_refused_by_name_and_the_mean_never_is():
    for name in ALGORITHMS:
        algorithm = ALGORITHMS[name]()
        for wanted, kind in OBJECTIVES.items():
            allowed = {"nothing": True, "weights": algorithm.weighs == "alike", "losses": algorithm.weighable_losses}[
                kind.uses
            ]
            if allowed:
                check_objective(kind(), algorithm)
                continue
            with pytest.raises(ValueError, match=f"--objective {wanted} .* algorithm {name}, .*--objective mean"):
                check_objective(kind(), algorithm)
    refused = {name for name, kind in ALGORITHMS.items() if not kind.weighable_losses}
    assert refused == {
        *("reptile", "fedavg-ft", "fedavg-ft-head", "local", "ditto", "apfl", "fedala"),
        *("pfedme", "fedper", "fedrep", "fedbabu", "fedbn", "fedrod", "fedem", "knn-per", "fedproto", "pefll"),
    }


@pytest.mark.parametrize("name", ["fedavg", "fedprox", "fedavgm", "per-fedavg"])
def test_differences_of_models_are_steps_of_the_clients_own_rate(name):
    algorithm = ALGORITHMS[name]()
    one = algorithm.model_copy(update={"inner_steps": 1, **({"meta_steps": 1} if name == "per-fedavg" else {})})
    rate = "meta_lr" if name == "per-fedavg" else "inner_lr"
    task, theta, episode = network()
    found = []
    for value in (0.01, 0.02):
        chosen = one.model_copy(update={rate: value})
        assert chosen.local_rate == value
        update = chosen.update(task, theta, {}, episode, 1)
        found.append({n: d / value for n, d in update.directions.items()})
    for parameter, direction in found[0].items():  # one step along a gradient: direction / rate is that gradient
        assert direction.allclose(found[1][parameter], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_an_experiment_with_both_is_refused(name):
    with pytest.raises(ValueError, match=f"--objective {name} cannot be combined with the algorithm ditto"):
        Experiment.model_validate({"algorithm": "ditto", "objective": name})
