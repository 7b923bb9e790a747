"""PFLlib's protocol: its network is the published one, and its files say what it says."""

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.pfllib import Cnn
from metafed.core.reading import read_toml
from metafed.models import Inputs
from metafed.models.making import make
from simulation.cli.flags import parse

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


@pytest.mark.parametrize("number", [0, 1, 2])
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
def test_each_published_method_is_one_command(words, epochs, monkeypatch):
    monkeypatch.chdir(HOME)
    page = " ".join((HOME / "docs" / "could-not-reproduce.md").read_text(encoding="utf-8").split())
    assert words in page
    found = parse(["--config", "experiments/fashion-mnist-pfllib.toml", *words.split()]).experiment
    assert (found.local.epochs, found.local.batch_size, found.local.rows, found.cohort) == (epochs, 10, "all", 20)
