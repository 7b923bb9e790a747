"""A round of ours and of a plain loop end at the same θ; a framework that is not there is refused with its reason."""

import sys
from types import SimpleNamespace

import pytest
import torch

from benchmarks import frameworks, round_time
from benchmarks.round_time import Options, Ours, contender, distance, experiment, start


@pytest.mark.parametrize("network", [None, "benchmarks.modules:Same"], ids=["ours", "module"])
def test_both_begin_and_end_at_the_same_theta(network):
    options = Options(workload="mlp", engine="local", against="loop", clients=2, network=network)
    tried = experiment("mlp", 2, None, network)
    ours, other, theta = Ours(options, tried), contender(options, None, tried), start(tried)
    assert other is not None
    found, expected = ours(theta, 1), other(theta, 1)
    assert distance(found, expected) < 1e-4 * distance(expected, theta)


@pytest.mark.parametrize("name", frameworks.FRAMEWORKS)
def test_a_framework_that_is_not_there_is_refused_with_what_to_install(name, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "argv", ["round_time", "--engine", "local", "--against", name])
    with pytest.raises(SystemExit) as ended:
        round_time.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"--against {name}: " in said
    assert f"pip install {frameworks.INSTALLED[name]}" in said


def test_a_framework_has_nothing_to_compute_where_nothing_is_computed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace())
    monkeypatch.setattr(sys, "argv", ["round_time", "--workload", "null", "--engine", "local", "--against", "jax"])
    with pytest.raises(SystemExit) as ended:
        round_time.main()
    assert (ended.value.code, "--workload null" in capsys.readouterr().err) == (2, True)


def test_a_framework_gets_the_same_theta_clients_and_round_as_ours(monkeypatch):
    asked = []
    made = SimpleNamespace(made=lambda central: lambda theta, clients, number: asked.append((clients, number)) or theta)
    monkeypatch.setitem(sys.modules, "benchmarks.frameworks.in_jax", made)
    options = Options(workload="mlp", engine="local", against="jax", clients=2)
    other = contender(options, None, experiment("mlp", 2, None))
    theta = {"trunk.x": torch.zeros(1)}
    assert other is not None
    assert other(theta, 3) is theta
    assert asked == [(list(range(8)), 3)]
