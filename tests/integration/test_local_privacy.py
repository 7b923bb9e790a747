"""The local model: what a client sends hides its data from everybody, the server among them, as far as ε says."""

import dp_accounting as dp
import numpy as np
import pytest
from dp_accounting.rdp import RdpAccountant

from benchmarks.audit import bound
from client.host import Host
from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.objectives import Contribution
from metafed.privacy import LocalGaussian
from metafed.privacy.accounting import Sampling
from metafed.privacy.budget import cost, guarantee
from metafed.privacy.clipping import CLIP, cut
from metafed.privacy.noisy_sum import NoisySum
from metafed.privacy.shares import noised
from tests.integration.pool import assert_workers_give_the_bits_of_one_process, initial, run
from tests.integration.test_objectives import Nodes

CLIENT = 4


def local(small, **changed):
    own = {"clients": 15, "dp_noise": 0.8, "dp_clip": 0.05, "dp_model": "local", "cohort": 8, "eval_every": 0}
    return Experiment.model_validate({**small.model_dump(), **renewed({**own, **changed})})


def sent(experiment, ask=None, server_round=1, client=CLIENT):
    """Return what the host sends of one client."""
    return (
        Host(Federation(experiment)).train(initial(experiment), [client], server_round, {}, ask=ask or {}).contribution
    )


def test_what_a_client_sends_is_its_cut_share_under_noise_of_its_own(small):
    experiment = local(small)
    found, again = sent(experiment), sent(experiment)
    central = sent(local(small, dp_model="central"), {CLIP: 0.05})
    assert found.directions.keys() == central.directions.keys()
    off = np.concatenate([found.directions[p] - v for p, v in central.directions.items()])
    assert off.std() == pytest.approx(0.8 * 0.05, rel=4 / np.sqrt(2 * len(off)))
    assert abs(off.mean()) < 5 * 0.04 / np.sqrt(len(off))
    assert not found.sums  # nor does it say whether the client was cut
    for part, vector in found.directions.items():
        np.testing.assert_array_equal(vector, again.directions[part])
        assert not np.array_equal(vector, sent(experiment, server_round=2).directions[part])
    assert all(
        not np.array_equal(v, sent(local(small, dp_random="system")).directions[p]) for p, v in found.directions.items()
    )


def test_no_two_clients_have_the_same_noise(small):
    noise, roster = [], Federation(local(small)).roster
    other = next(c for c in range(roster.seen) if c != CLIENT and roster.family(c) == roster.family(CLIENT))
    for client in (CLIENT, other):
        reported = sent(local(small), client=client).directions
        central = sent(local(small, dp_model="central"), {CLIP: 0.05}, client=client).directions
        noise.append(np.concatenate([reported[part] - vector for part, vector in central.items()]))
    assert abs(np.corrcoef(*noise)[0, 1]) < 5 / np.sqrt(len(noise[0]))


@pytest.mark.parametrize("said", [{CLIP: 1e9}, {"noise": 0.0}], ids=str)
def test_a_server_cannot_talk_a_client_out_of_its_cut_or_its_noise(small, said):
    experiment = local(small)
    for part, vector in sent(experiment, said).directions.items():
        np.testing.assert_array_equal(vector, sent(experiment).directions[part])


def test_the_server_adds_nothing_and_divides_by_what_no_data_say(small):
    experiment = local(small, rounds=1)
    keeper, total = (
        NoisySum(experiment, Federation(experiment).layout, Federation(experiment).holders),
        sent(experiment),
    )
    found = keeper.release(total, 1)
    for part, vector in found.items():
        mine = total.directions.get(part, np.zeros(len(vector)))
        np.testing.assert_array_equal(vector, mine / keeper.expected[part])
    assert guarantee(experiment)["neighbours"] == "one client's data become others"
    assert keeper.notes()["epsilon"] == cost(experiment, 0.8, 1)


def test_epsilon_counts_every_round_and_no_sampling():
    accountant = RdpAccountant()
    accountant.compose(dp.GaussianDpEvent(2.0), 7)
    # one client's vector of length C becomes any other: they are 2 C apart
    for sampled in (3, 1000):
        sampling = Sampling("local", sampled, 1000, "rdp")
        assert LocalGaussian().epsilon(sampling, 4.0, 1e-5, 7) == accountant.get_epsilon(1e-5)


def test_an_empirical_audit_stays_below_epsilon():
    # the two clients that are hardest to hide: opposite directions, both longer than C
    experiment = Experiment(clients=10, dp_noise=3.0, dp_clip=0.7, dp_model="local", dp_delta=1e-3, rounds=1)
    releases = {}
    for sign in (1.0, -1.0):
        one = cut(Contribution({"trunk": np.array([sign * 1e6, 0.0])}, {"trunk": 1.0}), 0.7)
        seeds = (experiment.model_copy(update={"seed": seed}) for seed in range(6000))
        found = [noised(each, one, int(sign > 0), 1).directions["trunk"][0] / 0.7 for each in seeds]
        releases[sign] = np.array(found)
    claimed = LocalGaussian().epsilon(Sampling("local", 8, 8, "rdp"), 3.0, 1e-3, 1)
    assert 0.2 < bound(releases[1.0], releases[-1.0], 1e-3) <= claimed
    # half the noise shows more than is claimed for all of it: the audit can fail
    centred = {sign: values - sign for sign, values in releases.items()}
    louder = {sign: sign + values / 4 for sign, values in centred.items()}
    assert bound(louder[1.0], louder[-1.0], 1e-3) > claimed


@pytest.mark.parametrize("changed", [{}, {"secure": {"aggregation": True, "fewest": 2}, "cohort": 12}], ids=str)
def test_any_number_of_hosts_and_any_chunking_step_alike(small, changed):
    experiment = local(small, **changed)
    told = {**experiment.to_run_config(), "privacy.random": "seed"}  # else nodes would take the noise of their system
    whole, several = run(experiment), run(experiment, Nodes(told, 3))
    single = run(local(small, chunk=1, **changed))
    for part, vector in whole.items():
        np.testing.assert_allclose(vector, several[part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(vector, single[part], rtol=1e-8, atol=1e-9)
        assert np.isfinite(vector).all()


@pytest.mark.ray
def test_workers_give_the_bits_of_one_process(small, workers):
    assert_workers_give_the_bits_of_one_process(local(small), workers)


def test_what_has_no_guarantee_is_refused(small):
    with pytest.raises(ValueError, match=r"--privacy.quantile cannot be combined with --privacy.model local"):
        local(small, dp_quantile=0.5)
    with pytest.raises(ValueError, match=r"--privacy.model local does nothing without"):
        local(small, dp_noise=None, dp_clip=None)
    assert local(small, dp_accountant="pld", cohort=5).private
