"""PFLlib's protocol: its network is the published one, and its files say what it says."""

import json
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import nn

from benchmarks.pfllib import Cnn, main
from metafed.core.reading import read_toml
from metafed.models import Inputs
from metafed.models.making import make
from simulation.cli.flags import parse
from tests.benchmarks.stand_ins import with_small_images

HOME = Path(__file__).resolve().parents[2]
FINE_TUNED = "--algorithm.inner-lr 0.005 --eval.epochs 1 --eval.batch-size 10"
PFEDME = "--algorithm pfedme --algorithm.inner-steps 5 --algorithm.lam 15 --algorithm.local-lr 0.005"
PER_FEDAVG = "--algorithm per-fedavg --algorithm.meta-lr 0.005 --algorithm.inner-steps 1 --algorithm.meta-steps 131"


def test_the_network_is_two_convolutions_with_pooling_after_the_relu_and_two_dense_layers():
    torch.manual_seed(0)
    made = Cnn(Inputs("image", (1, 28, 28)), 10)
    first, second = ([layer, nn.ReLU(), nn.MaxPool2d(2)] for layer in (made.conv1, made.conv2))
    published = nn.Sequential(*first, *second, nn.Flatten(), made.dense, nn.ReLU(), made.head)
    x = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(made(x), published(x))
    assert sum(value.numel() for value in made.parameters()) == 582_026


@pytest.mark.parametrize("seed", [2, 35])
def test_a_kink_beside_where_it_begins_is_no_reason_to_refuse_it(seed):
    made = make(Cnn, "fashion-mnist", Inputs("image", (1, 28, 28)), 10, {}, seed, torch.float32)
    assert not made.vectorized


@pytest.mark.parametrize("number", range(5))
def test_each_partition_is_dirichlet_of_20_clients_with_a_quarter_for_the_test(number):
    said = read_toml(HOME / "experiments" / "pfllib" / f"fashion-mnist-{number}.toml")
    assert said["partition"] == {"kind": "dirichlet", "clients": 20, "alpha": 0.1, "seed": number}
    assert said["shots"]["evaluation-share"] == 0.25


@pytest.mark.parametrize(
    ("words", "epochs"),
    [
        ("", 1),
        (f"--algorithm ditto {FINE_TUNED}", 1),
        (f"--algorithm fedrep {FINE_TUNED}", 1),
        (f"--algorithm fedala {FINE_TUNED}", 1),
        (f"--algorithm fedbabu --algorithm.tunes all {FINE_TUNED}", 1),
        (f"{PFEDME} {FINE_TUNED.replace('0.005', '0.01')}", 1),
        (f"{PER_FEDAVG} --local.epochs None {FINE_TUNED}", None),
    ],
)
def test_each_published_method_is_one_command(words, epochs, tmp_path, monkeypatch):
    with_small_images(HOME / "experiments", tmp_path)
    monkeypatch.chdir(tmp_path)
    page = " ".join((HOME / "docs" / "could-not-reproduce.md").read_text(encoding="utf-8").split())
    assert words in page
    found = parse(["--config", "experiments/fashion-mnist-pfllib.toml", *words.split()]).experiment
    assert (found.local.epochs, found.local.batch_size, found.local.rows, found.cohort) == (epochs, 10, "all", 20)


def run_of(folder, name, seed, scores):
    """Write a run with a client of one test image and one of three, that score so after fine-tuning."""
    run = folder / f"{name}-{seed}"
    run.mkdir()
    rows = {"phase": "evaluate", "round": 1, "client": [0, 0, 1, 1], "step": [0, 1, 0, 1], "query": [1, 1, 3, 3]}
    rows |= {"family": "f", "group": "", "device": "", "seen": True, "loss": 0.0, "oracle_score": 0.0, "n": 4}
    pl.DataFrame({**rows, "score": [0.0, scores[0], 0.0, scores[1]]}).write_parquet(run / "clients.parquet")
    (run / "manifest.json").write_text(json.dumps({"experiment": {"algorithm": {"name": name}, "seed": seed}}))


def test_a_table_counts_all_images_alike_and_says_the_least_and_the_most(tmp_path, capsys):
    for seed, scores in enumerate(((0.2, 0.9), (0.4, 0.5))):
        run_of(tmp_path, "ditto", seed, scores)
    assert main([*map(str, tmp_path.iterdir()), "--markdown"]) == 0
    assert "| ditto | 2 | 1 | 0.0 (0.0 to 0.0) | 60.0 (47.5 to 72.5) |" in capsys.readouterr().out


@pytest.mark.parametrize(("partitions", "lead"), [(4, "+25.0 | 4 of 4"), (5, "+30.0 [+14.8, +45.2] | 5 of 5")])
def test_a_lead_is_that_in_the_same_partition_with_an_interval_from_five_on(partitions, lead, tmp_path, capsys):
    ditto = [0.5, 0.6, 0.7, 0.8, 0.9]
    for seed, less in enumerate([0.2, 0.2, 0.3, 0.3, 0.5][:partitions]):
        run_of(tmp_path, "ditto", seed, [ditto[seed]] * 2)
        run_of(tmp_path, "fedavg", seed, [ditto[seed] - less] * 2)
    assert main([*map(str, sorted(tmp_path.iterdir(), reverse=True)), "--markdown"]) == 0
    t = 2.7764  # of four degrees of freedom; the differences 20, 20, 30, 30, 50 have a deviation of 12.247
    assert 30 - t * 12.247 / 5**0.5 == pytest.approx(14.8, abs=0.05)
    assert lead in capsys.readouterr().out


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
