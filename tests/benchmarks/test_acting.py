"""The value of acting on a run's forecasts, from the folder that the run left behind."""

import numpy as np
import pytest

from benchmarks import acting
from benchmarks.returns import last_losses, returned, worlds
from metafed.environments.cartpole import CartPole
from metafed.environments.navigation import Navigation
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from simulation.run import main


def ran(folder, words):
    """Run in this process what must succeed, and return its folder."""
    assert main([*words.split(), "--engine", "local", "--quiet", "--no-report", "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    words = "--tasks assets,sinusoid --clients 16 --unseen 0.5 --rounds 40 --eval-every 0"
    return ran(tmp_path_factory.mktemp("runs"), words)


def test_it_prints_seen_and_unseen_assets_and_no_other_family(run, capsys):
    capsys.readouterr()
    assert acting.main([str(run), "--markdown"]) == 0
    text = capsys.readouterr().out
    assert "assets,sinusoid" in text
    assert "| seen (4) |" in text
    assert "| unseen (4) |" in text


def test_forecasts_of_nothing_never_act():
    experiment = Experiment(tasks="assets", clients=3, unseen=0.0)
    theta = {name: value * 0 for name, value in Federation(experiment).initial.items()}
    for before, _ in acting.values(experiment, theta, [0, 1, 2]):
        assert before.rule == 0.0
        assert before.hold != 0.0


def test_holding_is_worth_the_same_whatever_is_forecast():
    experiment = Experiment(tasks="assets", clients=3, unseen=0.0)
    theta = Federation(experiment).initial
    query = Federation(experiment).population.evaluation([1]).episode.query
    realised = query.y[0, :, 0].numpy().astype(float)
    ((before, after),) = acting.values(experiment, theta, [1])
    paid = realised - acting.COST * (np.arange(len(realised)) == 0)
    assert before.hold == after.hold == pytest.approx(paid.mean() / paid.std(ddof=1) * np.sqrt(365), rel=1e-4)


def test_a_run_without_assets_is_refused(tmp_path, capsys):
    (tmp_path / "config.toml").write_text('tasks = "avatar"\n')
    with pytest.raises(SystemExit) as caught:
        acting.main([str(tmp_path)])
    assert caught.value.code == 2
    assert "no clients of the family assets, and none with a policy: its tasks are avatar" in capsys.readouterr().err


def test_a_folder_without_a_run_or_without_a_checkpoint_is_refused(tmp_path, capsys):
    for text, named in ((None, "config.toml: No such file"), ('tasks = "assets"\n', "has no checkpoint")):
        if text is not None:
            (tmp_path / "config.toml").write_text(text)
        with pytest.raises(SystemExit) as caught:
            acting.main([str(tmp_path)])
        assert caught.value.code == 2
        assert named in capsys.readouterr().err


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    words = "--tasks environment:navigation,sinusoid --clients 12 --unseen 0.5 --rounds 1"
    inner = "--algorithm.inner-steps 2 --algorithm.inner-lr 0.01 --activation tanh"
    return ran(tmp_path_factory.mktemp("runs"), f"{words} {inner}")


@pytest.mark.slow
def test_policies_have_returns_beside_the_published_ones(walk, capsys):
    capsys.readouterr()
    assert acting.main([str(walk), "--markdown"]) == 0
    text = capsys.readouterr().out
    assert "Navigation: what policies got" in text
    assert "−20.3 ± 3.2" in text
    losses = last_losses(walk, "environment")
    assert {who: own.shape for who, own in losses.items()} == {"seen": (3, 3), "unseen": (3, 3)}
    before, after = -100 * losses["unseen"][:, 0].mean(), -100 * losses["unseen"][:, -1].mean()
    row = next(line for line in text.splitlines() if line.startswith("| unseen (3 of 3)"))
    # three people have no interval
    assert f" {before:.2f} |" in row
    assert f" {after:.2f} |" in row


def test_a_return_is_the_reward_of_a_whole_episode():
    np.testing.assert_allclose(returned(Navigation(), np.array([0.2])), [-20.0])
    # the pole was up in three quarters of 200 steps
    np.testing.assert_allclose(returned(CartPole(), np.array([0.25])), [150.0])
    assert worlds(Experiment(tasks="avatar,environment")) == {}
    assert list(worlds(Experiment(tasks="environment:cartpole,avatar"))) == ["environment"]
