"""Secure aggregation on the whole path: the sum is the plain one, and no message has one client's update."""

import json

import numpy as np
import pytest
from flwr.app import ConfigRecord
from scipy.stats import chisquare

from client.app import app
from client.host import Host
from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.secure.party import Refused
from metafed.secure.ring import BITS
from simulation.engines.local import LocalGrid
from tests.integration.pool import assert_workers_give_the_bits_of_one_process, initial, run
from tests.integration.test_objectives import Nodes


def secure(small, **changed):
    own = {"clients": 15, "rounds": 2, "eval_every": 0, "secure": {"aggregation": True, "fewest": 2}, "cohort": 12}
    return Experiment.model_validate({**small.model_dump(), **renewed({**own, **changed})})


def plain(experiment):
    return Experiment.model_validate({**experiment.model_dump(), "secure": {}})


@pytest.mark.parametrize("changed", [{}, {"objective": "weighted"}, {"algorithm": "fedavg"}], ids=str)
def test_the_result_is_that_of_the_plain_sum(small, changed):
    experiment = secure(small, **changed)
    theirs = run(plain(experiment))
    for theta in (run(experiment), run(experiment, Nodes(experiment.to_run_config(), 3))):
        for part, vector in theta.items():
            # each client's numbers are rounded to multiples of 2^−BITS, which the weights of rows enlarge
            np.testing.assert_allclose(vector, theirs[part], rtol=0, atol=1000 * 2.0**-BITS)


def test_privacy_under_masks_is_privacy_without(small):
    experiment = secure(small, dp_noise=0.5, dp_clip=0.05, dp_quantile=0.5, objective="tilted", sampling="poisson")
    theirs = run(plain(experiment))
    for part, vector in run(experiment).items():
        np.testing.assert_allclose(vector, theirs[part], rtol=0, atol=1e-9)


@pytest.mark.ray
def test_workers_give_the_bits_of_one_process(small, workers):
    experiment = secure(small)
    assert_workers_give_the_bits_of_one_process(experiment, workers)


def test_who_is_lost_in_training_costs_its_own_contribution(small):
    lost = json.dumps({"fault": [{"kind": "crash", "clients": [1, 5, 8]}]})
    experiment, rounds = secure(small, faults=lost, rounds=1), []
    theta = run(experiment, observe=rounds.append)
    assert rounds[-1].notes["secure"] == {
        **dict.fromkeys(("asked", "keys", "shares"), 12),
        **dict.fromkeys(("masked", "unmasked"), 9),
        "lost": None,
    }
    for part, vector in run(plain(experiment)).items():
        np.testing.assert_allclose(vector, theta[part], rtol=0, atol=1e-9)


def test_two_fifths_may_be_lost_where_half_is_enough(small):
    lost = json.dumps({"fault": [{"kind": "crash", "clients": [0, 1, 2, 3, 4]}]})
    experiment = secure(small, faults=lost, rounds=1, secure_threshold=0.5)
    rounds = []
    theta = run(experiment, observe=rounds.append)
    assert rounds[-1].notes["secure"]["lost"] is None
    assert (rounds[-1].notes["secure"]["keys"], rounds[-1].notes["secure"]["unmasked"]) == (12, 7)
    for part, vector in run(plain(experiment)).items():
        np.testing.assert_allclose(vector, theta[part], rtol=0, atol=1e-9)


def test_a_server_that_asks_for_fewer_than_the_experiment_says_is_refused(small):
    experiment = secure(small, rounds=1)
    grid = Watched(experiment.to_run_config())
    run(experiment, grid)
    for kind in ("query.shares", "query.unmask"):
        asked = next(m for m in grid.asked if m.metadata.message_type == kind)
        said = asked.content.config_records["secure"]
        asked.content["secure"] = ConfigRecord({**said, "threshold": 7})
        with pytest.raises(Refused, match=r"a threshold of 7 of 12 clients; by --secure.threshold it is 9"):
            app(asked, grid._context)


def test_too_few_left_lose_the_round_and_nothing_else(small):
    lost = json.dumps({"fault": [{"kind": "crash", "clients": [0, 1, 2, 3, 4], "last": 1}]})
    rounds, experiment = [], secure(small, faults=lost)
    theta = run(experiment, observe=rounds.append)
    assert "7 clients sent a masked input, 9 are needed" in rounds[1].notes["secure"]["lost"]
    assert rounds[1].bytes_up == 0
    assert rounds[2].notes["secure"]["lost"] is None
    assert any(not np.array_equal(vector, theta[part]) for part, vector in initial(experiment).items())


class Watched(LocalGrid):
    """Keeps what the server gets and sends."""

    def __init__(self, run_config):
        super().__init__(run_config)
        self.replies, self.asked = [], []

    def answer(self, messages, timeout):
        self.asked += messages
        found = super().answer(messages, timeout)
        self.replies += found
        return found


def test_no_message_holds_a_clients_update(small):
    experiment = secure(small, chunk=1, rounds=1)
    grid = Watched(experiment.to_run_config())
    run(experiment, grid)
    host, theta = Host(Federation(plain(experiment))), initial(experiment)
    updates = [host.train(theta, [c], 1, {}).contribution for c in range(12)]
    seen = [
        a.numpy() for r in grid.replies for k, a in r.content.array_records.get("arrays", {}).items() if k == "masked"
    ]
    assert len(seen) == 12  # one client a message: the server sees each masked input by itself
    for reply in grid.replies:
        assert not any(key.startswith(("sum/", "updates")) for key in reply.content.array_records.get("arrays", {}))
    for update in updates:
        for vector in update.directions.values():
            inside = np.rint(vector * 2.0**BITS).astype(np.int64).view(np.uint64)
            assert all(not np.isin(inside[inside != 0], masked).any() for masked in seen)
    # uniform bytes: an unmasked vector is mostly zeros and small numbers
    counts = np.bincount(np.concatenate(seen).view(np.uint8), minlength=256)
    assert chisquare(counts).pvalue > 1e-4


def test_small_families_are_refused_and_the_way_out_is_named(small):
    with pytest.raises(ValueError, match=r"about 4 hold the part 'personalization'.*fewer than 9.*--secure.fewest 4"):
        secure(small, secure={"aggregation": True})
    assert secure(small, secure={"aggregation": True}, tasks="avatar").secure.fewest_of(12) == 9


def test_a_part_that_too_few_clients_of_a_round_hold_does_not_move(small):
    experiment = secure(small, rounds=1, secure={"aggregation": True, "fewest": 4}, sampling="poisson", cohort=12)
    roster = Federation(experiment).roster
    seeds = (experiment.model_copy(update={"seed": seed}) for seed in range(1000))
    for chosen in seeds:
        cohort = Federation(chosen).roster.cohort(1)
        few = {f for f, members in roster.by_family(cohort) if len(members) < 4}
        if few and len(few) < 3:
            break
    before, after = initial(chosen), run(chosen)
    assert {part for part, vector in before.items() if np.array_equal(vector, after[part])} == few


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": "gap"}, "--objective gap"),
        ({"objective": "qffl"}, "--objective qffl"),
        ({"aggregator": "median"}, "--aggregator median"),
        ({"cohort": 5}, "larger --cohort"),
        ({"secure_threshold": 0.4}, "greater than or equal to 0.5"),
        ({"secure": {"threshold": 0.5}}, "--secure.threshold 0.5 does nothing"),
    ],
    ids=str,
)
def test_what_cannot_be_hidden_is_refused(small, changed, said):
    with pytest.raises(ValueError, match=said):
        secure(small, **changed)
