"""Aggregators on the whole path: hosts, messages, the strategy; on any hosts and engine alike."""

import numpy as np
import pytest

from metafed.aggregators import AGGREGATORS
from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from tests.cases import some
from tests.integration.pool import assert_workers_give_the_bits_of_one_process, run
from tests.integration.test_objectives import Nodes


def with_aggregator(experiment, name, **changed):
    settings = {"tasks": "personalization,assistant", "clients": 20, "rounds": 2, "eval_every": 0, **changed}
    return Experiment.model_validate({**experiment.model_dump(), **renewed(settings), "aggregator": name})


@pytest.mark.parametrize("name", some(AGGREGATORS, "mean", "krum", "centered-clipping", "fedfv"))
def test_any_number_of_hosts_and_any_chunking_step_alike(small, name):
    experiment = with_aggregator(small, name)
    # a node that tells nothing of single clients has no updates to tell
    willing = Nodes(experiment.to_run_config(), 3, **{"share-client-rows": True})
    whole, several = run(experiment), run(experiment, willing)
    single = run(with_aggregator(small, name, chunk=1))
    for part, vector in whole.items():
        np.testing.assert_allclose(vector, several[part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(vector, single[part], rtol=1e-8, atol=1e-9)


def test_the_trimmed_mean_without_a_trim_is_the_mean_through_all_rooms(small):
    left = run(with_aggregator(small, {"name": "trimmed-mean", "f": 0}))
    right = run(with_aggregator(small, "mean"))
    for part, vector in left.items():
        np.testing.assert_allclose(vector, right[part], rtol=1e-10, atol=1e-12)


@pytest.mark.ray
def test_workers_give_the_bits_of_one_process(small, workers):
    experiment = with_aggregator(small, "centered-clipping")
    assert_workers_give_the_bits_of_one_process(experiment, workers)


def test_a_part_with_too_few_votes_stays_and_the_round_says_so(small):
    experiment = with_aggregator(small, {"name": "krum", "f": 1}, sampling="poisson", cohort=12)
    rounds = []
    run(experiment, observe=rounds.append, rounds=6)
    notes = [part for finished in rounds[1:] for part in finished.notes["unmoved"]]
    assert notes
    assert all(part["needed"] == 5 > part["updates"] for part in notes)
