"""Who sees every release cannot tell one client's membership better than ε says; missing noise is found."""

import numpy as np
import pytest

from benchmarks.audit import audit, bound
from metafed.experiment.settings import Experiment
from metafed.privacy import noisy_sum

TINY = {"clients": 12, "unseen": 0.0, "cohort": 12, "width": 4, "dp_clip": 0.7, "dp_delta": 1e-3}


def tiny(**changed):
    return Experiment.model_validate({**TINY, **changed})


@pytest.mark.parametrize(
    "experiment",
    [
        tiny(rounds=1, dp_noise=1.0),
        pytest.param(tiny(rounds=4, dp_noise=2.0), marks=pytest.mark.slow),
        tiny(rounds=6, dp_noise=1.0, sampling="poisson", cohort=3),
    ],
    ids=["one round", "four rounds", "Poisson"],
)
def test_an_empirical_audit_stays_below_epsilon(experiment):
    found = audit(experiment, 1500)
    assert found.at_least <= found.claimed
    # and it sees something, or it would prove nothing
    assert found.at_least > 0.2 if experiment.cohort_size == 12 else found.at_least > -1


def test_the_audit_finds_noise_that_is_too_small(monkeypatch):
    experiment = tiny(rounds=1, dp_noise=4.0)
    honest = audit(experiment, 1500)
    assert honest.at_least <= honest.claimed
    claimed = noisy_sum.Noise
    monkeypatch.setattr(noisy_sum, "Noise", lambda directions, tally: claimed(directions / 16, tally))
    broken = audit(experiment, 1500)
    assert broken.at_least > broken.claimed == honest.claimed


def test_the_bound_of_two_gaussians_is_below_the_truth():
    rng = np.random.default_rng(0)
    # noise of 1 and a distance of 1: ε is 4.38 at δ = 1e-5 (Balle, Wang 2018)
    assert 0.5 < bound(rng.standard_normal(20_000) + 1, rng.standard_normal(20_000), 1e-5) < 4.38
    assert bound(rng.standard_normal(5000), rng.standard_normal(5000), 1e-5) < 0.5
