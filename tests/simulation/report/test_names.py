"""Runs on one page are distinguished by what differs between them."""

from types import SimpleNamespace

import pytest

from simulation.report.comparison import label, protection


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, []),
        ({"aggregator": {"name": "mean"}, "privacy": {"epsilon": None, "noise": None}}, []),
        ({"aggregator": {"name": "krum", "f": 2}}, ["krum"]),
        ({"privacy": {"epsilon": 8.0, "noise": None}}, ["ε 8"]),
        ({"privacy": {"epsilon": None, "noise": 1.25}}, ["noise 1.25"]),
    ],
)
def test_privacy_and_aggregator_are_named(settings, words):
    assert protection(settings) == words
    experiment = {"algorithm": {"name": "maml"}, "objective": {"name": "tilted", "t": 1.0}, **settings}
    method = SimpleNamespace(first=SimpleNamespace(manifest={"experiment": experiment}))
    assert label(method) == " ".join(["maml", "tilted t=1", *words])
