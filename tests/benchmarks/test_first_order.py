"""Cosines of exact and first-order meta-gradients, and who is said to be hurt."""

import numpy as np
import pytest

from benchmarks.first_order import COLUMNS, cosines, main, over_seeds, rank_correlation
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

SMALL = {"clients": 9, "unseen": 0.4, "width": 6, "precision": "float64"}


def experiment(**algorithm):
    return Experiment.model_validate({**SMALL, "algorithm": {"name": "maml", **algorithm}})


def of(one):
    return cosines(one, Federation(one).initial, Federation(one).roster.evaluated())


def test_without_inner_steps_both_are_the_same_gradient():
    values = of(experiment(inner_steps=0))
    assert sorted(values) == list(range(9))
    assert list(values.values()) == pytest.approx([1] * 9)


def test_the_difference_grows_with_the_rate_from_none():
    near, middle, far = (1 - np.mean(list(of(experiment(inner_lr=rate)).values())) for rate in (1e-6, 0.01, 0.1))
    assert 0 <= near + 1e-12 < 1e-8
    # 1 − cosine is of second order in the rate
    assert near < middle < far
    closer = 1 - np.mean(list(of(experiment(inner_lr=0.005)).values()))
    assert middle / closer == pytest.approx(4, rel=0.2)


def test_it_does_not_depend_on_who_computes_or_beside_whom():
    one = experiment(inner_steps=3)
    alone = {}
    for client in range(9):
        alone |= cosines(one.model_copy(update={"kernels": "torch"}), Federation(one).initial, [client])
    assert alone == pytest.approx(of(one), abs=1e-9)


def test_ranks():
    rising = np.array([1.0, 5.0, 6.0, 40.0])
    assert rank_correlation(rising, rising**3) == pytest.approx(1)
    assert rank_correlation(rising, -rising) == pytest.approx(-1)
    assert rank_correlation(rising, np.ones(4)) == 0


def test_all_is_the_mean_over_families_and_seeds_are_the_replicates():
    seeds = [{"a": dict.fromkeys(COLUMNS, seed), "b": dict.fromkeys(COLUMNS, seed + 1.0)} for seed in range(5)]
    table = over_seeds(seeds)
    assert {name: table[name]["cosine"].value for name in table} == {"a": 2.0, "b": 3.0, "all": 2.5}
    half = 2.776445105 * np.std(range(5), ddof=1) / np.sqrt(5)
    assert table["all"]["cosine"].high == pytest.approx(2.5 + half)
    assert over_seeds(seeds[:4])["a"]["lost"].low is None


def test_one_command_runs_both_and_says_who(tmp_path, capsys):
    words = [
        "--clients",
        "12",
        "--unseen",
        "0.5",
        "--rounds",
        "2",
        "--eval-every",
        "0",
        "--engine",
        "local",
        "--quiet",
        "--no-report",
    ]
    assert main([*words, "--seeds", "1", "--out", str(tmp_path / "runs"), "--markdown"]) == 0
    said = capsys.readouterr().out
    assert [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")][-1] == "| all"
    assert "nan" not in said
    assert main([*words, "--inner-lr", "-1"]) == 2
