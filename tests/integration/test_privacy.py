"""Differential privacy on the whole path: through hosts, messages, the strategy and the record."""

import json

import numpy as np
import pytest

from client.host import Host
from metafed.core.parameters import Layout
from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.privacy.clipping import CLIP
from metafed.privacy.settings import deployed
from simulation.run import main
from tests.integration.pool import assert_workers_give_the_bits_of_one_process, initial, run
from tests.integration.test_objectives import Nodes


def private(small, **changed):
    own = {"clients": 15, "dp_noise": 0.8, "dp_clip": 0.05, "sampling": "poisson", "cohort": 6, "eval_every": 0}
    return Experiment.model_validate({**small.model_dump(), **renewed({**own, **changed})})


@pytest.mark.parametrize("changed", [{}, {"dp_quantile": 0.5, "cohort": 12}, {"objective": "qffl"}], ids=str)
def test_any_number_of_hosts_and_any_chunking_step_alike(small, changed):
    experiment = private(small, **changed)
    whole, several = run(experiment), run(experiment, Nodes(experiment.to_run_config(), 3))
    single = run(private(small, chunk=1, **changed))
    for part, vector in whole.items():
        np.testing.assert_allclose(vector, several[part], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(vector, single[part], rtol=1e-8, atol=1e-9)


@pytest.mark.ray
def test_workers_give_the_bits_of_one_process(small, workers):
    experiment = private(small, dp_quantile=0.5, cohort=12)
    assert_workers_give_the_bits_of_one_process(experiment, workers)


@pytest.mark.parametrize("objective", ["mean", "tilted", "qffl", "propfair"])
def test_a_client_more_or_less_changes_a_hosts_sum_by_at_most_the_clip(small, objective):
    experiment = private(small, objective=objective)
    host, theta, clients = Host(Federation(experiment)), initial(experiment), list(range(12))
    clip = 0.03
    whole = host.train(theta, clients, 1, {}, ask={CLIP: clip}).contribution
    for client in clients:
        rest = host.train(theta, [c for c in clients if c != client], 1, {}, ask={CLIP: clip}).contribution
        parts = [part for part in whole.directions if part in rest.directions]
        assert len(parts) == len(whole.directions)
        away = sum(float(np.square(whole.directions[p] - rest.directions[p]).sum()) for p in parts) ** 0.5
        assert 0 < away <= clip * (1 + 1e-6)


def test_every_round_says_what_has_been_spent_and_an_empty_one_counts(small):
    # one client of twelve in a round, on average: more than a third of the rounds are empty
    experiment = private(small, cohort=1, rounds=12)
    rounds = []
    theta = run(experiment, observe=rounds.append)
    spent = [finished.notes["epsilon"] for finished in rounds[1:]]
    assert any(not finished.training for finished in rounds[1:])
    assert spent == sorted(spent)
    assert len(set(spent)) == 12
    assert all(np.isfinite(vector).all() for vector in theta.values())


def test_no_client_counts_for_more_than_the_clip_in_theta(small):
    # without a single client θ moves by noise: the same noise moves it where there are some: the rest is their sum
    experiment = private(small, rounds=1, cohort=12, sampling="uniform", dp_clip=0.01, dp_noise=2.0)
    theta, start = run(experiment), initial(experiment)
    from metafed.objectives import NOTHING
    from metafed.privacy.noisy_sum import NoisySum

    keeper = NoisySum(experiment, Layout({p: (len(v),) for p, v in start.items()}), Federation(experiment).holders)
    noise = keeper.release(NOTHING, 1)
    moved = {part: (start[part] - theta[part] - noise[part]) * keeper.expected[part] for part in start}
    assert 0 < sum(float(v @ v) for v in moved.values()) ** 0.5 <= 12 * 0.01 * (1 + 1e-6)


def test_noise_of_the_seed_is_called_a_simulation_wherever_privacy_is_spoken_of(tmp_path, capsys):
    words = "--engine local --clients 8 --rounds 1 --eval-every 0 --width 8 --privacy.noise 1 --privacy.clip 1"
    assert main([*words.split(), "--out", str(tmp_path / "run")]) == 0
    said = "simulates differential privacy"
    assert said in " ".join("".join(capsys.readouterr()).split())
    assert said in json.loads((tmp_path / "run" / "manifest.json").read_text())["privacy"]["simulated"]
    assert said in " ".join((tmp_path / "run" / "report.html").read_text().split())


def test_a_deployments_noise_is_the_systems_unless_the_seeds_is_asked_for():
    assert deployed({"privacy.noise": 1.0})["privacy.random"] == "system"
    assert deployed({"privacy.noise": 1.0, "privacy.random": "seed"})["privacy.random"] == "seed"
