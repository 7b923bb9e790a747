"""A node that multiplies its sum takes at most its bounded share of the step; honest sums are left as they are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.objectives import Contribution
from server.stages.node_clip import compared, log_length, scaled, within


def sums(*lengths, weight=3.0):
    """Sums over three clients each, whose mean updates have these lengths."""
    return [Contribution({"trunk": np.array([0.0, length * weight])}, {"trunk": weight}) for length in lengths]


def clipped(given, bound):
    found = compared(given, [3] * len(given), bound)
    return [scaled(own, factors) for own, factors in zip(given, found, strict=True)]


@pytest.mark.parametrize("lie", [1e30, 1e99, 50.0])
@pytest.mark.parametrize("honest", [[1.0], [1.0, 2.0], [0.5, 1.0, 4.0]])
def test_a_sum_times_anything_is_at_most_the_bound_times_the_median(honest, lie):
    *kept, bad = clipped(sums(*honest, lie), 10)
    for before, after in zip(sums(*honest), kept, strict=True):
        np.testing.assert_array_equal(before.directions["trunk"], after.directions["trunk"])
    median = sorted([*honest, lie])[len(honest) // 2]
    assert np.linalg.norm(bad.directions["trunk"]) / bad.weights["trunk"] == pytest.approx(10 * median, rel=1e-6)


def test_a_weight_beyond_the_others_is_bounded_and_the_mean_update_stays():
    honest = sums(1.0, 1.0)
    heavy = Contribution({"trunk": np.array([0.0, 2e9])}, {"trunk": 1e9})
    bad = clipped([*honest, heavy], 10)[2]
    assert bad.weights["trunk"] == pytest.approx(30, rel=1e-6)
    assert bad.directions["trunk"][1] / bad.weights["trunk"] == pytest.approx(2)


def test_a_scale_is_a_weight():
    honest = sums(1.0, 1.0)
    bad = Contribution({"trunk": np.array([0.0, 3.0])}, {"trunk": 3.0}, {"trunk": 80.0})
    whole = sum(clipped([*honest, bad], 10), Contribution({}, {}))
    assert whole.weights["trunk"] * math.exp(whole.scales["trunk"]) == pytest.approx(36, rel=1e-6)


def test_a_direction_without_a_weight_moves_nothing():
    bad = Contribution({"trunk": np.ones(2)}, {"trunk": 0.0})
    assert not clipped([*sums(1.0, 1.0), bad], 10)[2].directions["trunk"].any()


@given(st.lists(st.floats(0.5, 4.9), min_size=1, max_size=6))
def test_sums_within_the_bound_keep_their_bits(lengths):
    given = sums(*lengths)
    assert compared(given, [3] * len(given), 10) == [{}] * len(given)


def test_parts_are_compared_among_those_that_hold_them():
    alone = Contribution({"avatar": np.full(2, 1e6)}, {"avatar": 3.0})
    assert compared([*sums(1.0, 1.0), alone], [3, 3, 3], 10)[2] == {}


def test_a_group_that_only_one_node_has_is_compared_with_the_others_of_its_part():
    ours = [Contribution({f"trunk/{n}": np.array([0.0, 3.0])}, {f"trunk/{n}": 3.0}) for n in "ab"]
    bad = Contribution({"trunk/mine": np.array([0.0, 3e30])}, {"trunk/mine": 3.0})
    assert clipped([*ours, bad], 10)[2].directions["trunk/mine"][1] == pytest.approx(30, rel=1e-6)


def test_under_privacy_a_sum_is_no_longer_than_its_clients_together():
    own = Contribution({"trunk": np.full(4, 3.0), "avatar": np.full(4, 4.0)}, {"trunk": 2.0, "avatar": 2.0})
    assert within(own, 10, clip=1.0) == {}
    short = scaled(own, within(own, 2, clip=1.0))
    assert math.hypot(*(np.linalg.norm(v) for v in short.directions.values())) == pytest.approx(2, rel=1e-6)
    assert scaled(own, within(own, 1, clip=1e9)).weights == {"trunk": pytest.approx(1), "avatar": pytest.approx(1)}


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_lengths_of_any_size(size):
    assert log_length(np.array([3 * size, 4 * size])) == pytest.approx(math.log(5) + math.log(size))
    assert log_length(np.zeros(3)) == -math.inf
