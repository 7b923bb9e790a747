"""ε is dp-accounting's own, agrees with the closed form where there is one, and no budget is exceeded."""

from math import exp, inf

import dp_accounting as dp
import pytest
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from scipy.optimize import brentq
from scipy.stats import norm

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.privacy import CentralGaussian
from metafed.privacy.accounting import Sampling, noise_for, rounds_for
from metafed.privacy.budget import BudgetSpent, check_budget, cost, delta_of, noise_of, sampling_of, split
from metafed.privacy.noisy_sum import NoisySum
from tests.cases import some

POISSON = Sampling("poisson", 100, 1000, "rdp")
epsilon = CentralGaussian().epsilon


@pytest.mark.parametrize("noise", some([1.5, 4.0], 4.0))
@pytest.mark.parametrize("rounds", [30])
def test_epsilon_is_dp_accountings_own(noise, rounds):
    gaussian = dp.GaussianDpEvent(noise)
    sampled = dp.PoissonSampledDpEvent(0.1, gaussian)
    for kind, name in ((RdpAccountant, "rdp"), (PLDAccountant, "pld")):
        accountant = kind()
        accountant.compose(sampled, rounds)
        assert epsilon(POISSON._replace(accountant=name), noise, 1e-5, rounds) == accountant.get_epsilon(1e-5)
        accountant = kind()
        accountant.compose(gaussian, rounds)
        assert epsilon(Sampling("everybody", 9, 9, name), noise, 1e-5, rounds) == accountant.get_epsilon(1e-5)
    accountant = RdpAccountant(neighboring_relation=dp.NeighboringRelation.REPLACE_ONE)
    accountant.compose(dp.SampledWithoutReplacementDpEvent(1000, 100, dp.GaussianDpEvent(noise / 2)), rounds)
    assert epsilon(POISSON._replace(scheme="without replacement"), noise, 1e-5, rounds) == accountant.get_epsilon(1e-5)


def exact(noise, delta):
    """ε of one Gaussian mechanism: Balle, Wang, ICML 2018, arXiv 1805.06530, theorem 8."""
    a = 1 / noise
    return brentq(lambda e: norm.cdf(a / 2 - e / a) - exp(e) * norm.cdf(-a / 2 - e / a) - delta, 1e-9, 300)


@pytest.mark.parametrize(("noise", "rounds"), [(1.0, 1), (3.0, 1), (10.0, 25)])
def test_epsilon_of_gaussian_noise_agrees_with_the_closed_form(noise, rounds):
    # k rounds of noise z are one of z / √k
    closed = exact(noise / rounds**0.5, 1e-5)
    tight = epsilon(Sampling("everybody", 5, 5, "pld"), noise, 1e-5, rounds)
    bound = epsilon(Sampling("everybody", 5, 5, "rdp"), noise, 1e-5, rounds)
    assert tight == pytest.approx(closed, rel=2e-3)
    assert closed * (1 - 1e-6) <= tight <= bound


def test_more_rounds_cost_more_and_more_noise_less():
    costs = [epsilon(POISSON, 1.0, 1e-5, rounds) for rounds in (0, 1, 10, 100)]
    assert costs == sorted(costs)
    assert costs[0] == 0
    assert epsilon(POISSON, 2.0, 1e-5, 10) < epsilon(POISSON, 1.0, 1e-5, 10)
    # no amplification by who is asked may be claimed where everybody is asked
    assert epsilon(Sampling("everybody", 1000, 1000, "rdp"), 1.0, 1e-5, 10) > costs[2]


@pytest.mark.slow
def test_the_least_noise_for_a_target_is_the_least():
    found = noise_for(lambda noise: epsilon(POISSON, noise, 1e-5, 100), 4.0)
    assert epsilon(POISSON, found, 1e-5, 100) <= 4.0 < epsilon(POISSON, found - 1e-3, 1e-5, 100)
    assert rounds_for(lambda rounds: epsilon(POISSON, found, 1e-5, rounds), 4.0, 10**6) >= 100
    most = rounds_for(lambda rounds: epsilon(POISSON, 1.0, 1e-5, rounds), 4.0, 1000)
    assert epsilon(POISSON, 1.0, 1e-5, most) <= 4.0 < epsilon(POISSON, 1.0, 1e-5, most + 1)


def private(**changed):
    settings = {"clients": 40, "cohort": 8, "sampling": "poisson", "dp_noise": 1.0, "dp_clip": 1.0, "rounds": 5}
    return Experiment.model_validate({**settings, **changed})


def test_the_mechanism_is_of_the_sampling_that_is_used():
    assert sampling_of(private()) == ("poisson", 8, 32, "rdp")
    assert sampling_of(private(sampling="uniform")) == ("without replacement", 8, 32, "rdp")
    assert sampling_of(private(sampling="uniform", cohort=32)) == ("everybody", 32, 32, "rdp")
    assert sampling_of(private(cohort=32, dp_accountant="pld")) == ("everybody", 32, 32, "pld")
    assert delta_of(private()) == pytest.approx(32**-1.1)
    assert delta_of(private(dp_delta=1e-6)) == 1e-6


def test_a_budget_that_the_rounds_exceed_is_refused_before_anything_runs():
    over = private(dp_epsilon=1.0, dp_noise=0.6)
    with pytest.raises(BudgetSpent, match=r"--rounds 5 with --privacy.noise 0.6 cost ε .* choose at most --rounds \d"):
        preflight(Federation(over))
    with pytest.raises(BudgetSpent):
        NoisySum(over, Federation(over).layout, Federation(over).holders)


def test_a_run_that_goes_on_stops_before_it_overspends():
    experiment = private(dp_epsilon=3.0, dp_noise=None)
    keeper = NoisySum(experiment, Federation(experiment).layout, Federation(experiment).holders)
    keeper.state = {"rounds": 4, "clip": 1.0}
    keeper.ask()
    keeper.state = {"rounds": rounds_for(keeper.epsilon, 3.0, 10**4), "clip": 1.0}
    with pytest.raises(BudgetSpent, match=r"more than --privacy.epsilon 3"):
        keeper.ask()


def test_a_target_sets_the_noise():
    experiment = private(dp_epsilon=2.0, dp_noise=None)
    found = noise_of(experiment)
    assert cost(experiment, found, 5) <= 2.0
    with pytest.raises(ValueError, match="no noise up to"):
        noise_of(private(dp_epsilon=1e-9, dp_noise=None, dp_delta=1e-12))


def test_the_split_of_an_adaptive_clip_spends_what_the_noise_says():
    # Andrew et al. 2021, theorem 1: two Gaussian mechanisms at once are one of z with z^−2 the sum of theirs
    both = split(1.0, 100)
    assert both.tally == 5
    assert both.directions**-2 + (2 * both.tally) ** -2 == pytest.approx(1.0)
    with pytest.raises(ValueError, match="leaves nothing for the count"):
        split(1.0, 8)


def test_epsilon_alone_is_enough():
    alone = Experiment.model_validate({"clients": 400, "cohort": 100, "rounds": 2, "privacy": {"epsilon": 8}})
    check_budget(alone)
    keeper = NoisySum(alone, Federation(alone).layout, Federation(alone).holders)
    assert keeper.state["clip"] == 0.1
    keeper.ask()
    assert alone.privacy.followed == 0.5
    assert alone.privacy.model_copy(update={"clip": 1.0}).followed is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dp_clip": None, "privacy": {"model": "local"}}, "--privacy.model local needs --privacy.clip"),
        ({"dp_clip_rate": 0.5}, "without --privacy.quantile"),
        ({"sampling": "data"}, "--sampling data"),
        ({"sampling": "power-of-choice"}, "--sampling power-of-choice"),
        ({"sampling": "uniform", "dp_accountant": "pld"}, "--privacy.accountant pld"),
        ({"objective": "minimax"}, "--objective minimax"),
        ({"objective": "cvar"}, "--objective cvar"),
        ({"objective": "gap"}, "--objective gap"),
        ({"objective": "weighted"}, "--objective weighted"),
        ({"algorithm": "fedavg"}, "--algorithm fedavg"),
        ({"algorithm": "local"}, "--algorithm local"),
        ({"aggregator": "median"}, "--aggregator median"),
        ({"dp_noise": None}, "--privacy.clip 1.0 does nothing without"),
        ({"dp_noise": inf}, "privacy.noise"),
    ],
    ids=str,
)
def test_what_has_no_guarantee_is_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        private(**changed)


@pytest.mark.parametrize("objective", ["mean", "propfair", "qffl", "tilted"])
def test_what_has_one_travels_as_run_config(objective):
    experiment = private(objective=objective, dp_quantile=0.5, cohort=32)
    assert Experiment.from_run_config(experiment.to_run_config()) == experiment
