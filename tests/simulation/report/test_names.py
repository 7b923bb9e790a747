"""Runs on one page are told apart by what differs between them."""

from types import SimpleNamespace

import pytest

from simulation.report.comparison import label, protection


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, []),
        ({"aggregator": {"name": "mean"}, "dp_epsilon": None, "dp_noise": None}, []),
        ({"aggregator": {"name": "krum", "f": 2}}, ["krum"]),
        ({"dp_epsilon": 8.0, "dp_noise": None}, ["ε 8"]),
        ({"dp_epsilon": None, "dp_noise": 1.25}, ["noise 1.25"]),
    ],
)
def test_privacy_and_aggregator_are_named(settings, words):
    assert protection(settings) == words
    experiment = {"algorithm": {"name": "maml"}, "objective": {"name": "tilted", "t": 1.0}, **settings}
    method = SimpleNamespace(first=SimpleNamespace(manifest={"experiment": experiment}))
    assert label(method) == " ".join(["maml", "tilted t=1", *words])
