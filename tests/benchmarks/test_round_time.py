"""A round of ours and of a plain loop end at the same θ, for our networks and for a module."""

import pytest

from benchmarks.round_time import Options, Ours, contender, distance, experiment, start


@pytest.mark.parametrize("network", [None, "benchmarks.modules:Same"], ids=["ours", "module"])
def test_both_begin_and_end_at_the_same_theta(network):
    options = Options(workload="mlp", engine="local", against="loop", clients=2, network=network)
    tried = experiment("mlp", 2, None, network)
    ours, other, theta = Ours(options, tried), contender(options, None, tried), start(tried)
    assert other is not None
    found, expected = ours(theta, 1), other(theta, 1)
    assert distance(found, expected) < 1e-4 * distance(expected, theta)
