"""Fairness of adaptation and the spread between clients: values by hand, laws, and corners that give a reason."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.fairness import metrics as fairness
from metafed.fairness.adaptation import area, gains_by_step, headroom_gain, steps_to
from metafed.fairness.groups import two_way
from metafed.fairness.summary import summarize
from metafed.fairness.variance import between_variance
from tests.metafed.fairness.frames import client, frame

CURVES = np.array([[0.0, 0.5, 0.75], [0.2, 0.1, 0.2], [0.9, 0.9, 1.0]])
scores = st.lists(st.floats(-1, 1), min_size=1, max_size=20).map(np.array)


def test_hand_computed():
    assert gains_by_step(CURVES) == pytest.approx(np.array([[0.5, 0.25], [-0.1, 0.1], [0.0, 0.1]]))
    assert area(CURVES) == pytest.approx([(0.25 + 0.625) / 2, 0.15, 0.925])
    assert steps_to(CURVES, np.array([0.5, 0.3, 0.9])).tolist() == [1, 3, 0]  # never is K + 1
    share = headroom_gain(CURVES[:, 0], CURVES[:, -1], np.array([1.0, math.nan, 0.91]))
    assert share[0] == 0.75
    assert np.isnan(share[1:]).all()  # unknown, and next to no room


@given(scores, st.integers(1, 5))
def test_gains_by_step_add_up_to_the_gain(first, steps):
    curves = np.stack([first * (step + 1) for step in range(steps + 1)], axis=1)
    assert gains_by_step(curves).sum(axis=1) == pytest.approx(curves[:, -1] - curves[:, 0], abs=1e-12)


@given(scores)
def test_without_a_step_the_area_is_the_score_and_a_flat_curve_has_its_level(first):
    assert area(first[:, None]).tolist() == first.tolist()
    assert area(np.repeat(first[:, None], 4, axis=1)) == pytest.approx(first)


@given(scores, st.floats(-1, 1))
def test_a_lower_target_takes_no_more_steps(first, target):
    curves = np.stack([first - 0.1, first, first + 0.1], axis=1)
    low, high = (steps_to(curves, np.full(len(first), t)) for t in (target - 0.05, target))
    assert (low <= high).all()


def test_cvar_at_a_tenth_is_the_worst_tenth_where_that_is_whole_and_below_it_otherwise():
    x = np.arange(30.0)
    assert fairness.cvar10(x) == fairness.worst10(x) == 1.0
    x = np.arange(25.0)
    assert fairness.cvar10(x) == pytest.approx((0 + 1 + 0.5 * 2) / 2.5)
    assert fairness.cvar10(x) < fairness.worst10(x)


def test_the_sampling_variance_is_taken_out_by_hand():
    p, m = np.array([0.5, 0.9]), np.array([11, 10])
    found = between_variance(p, m, "classification")
    assert found.observed == pytest.approx(0.08)
    assert found.sampling == pytest.approx((0.25 / 10 + 0.09 / 9) / 2)
    assert found.between == pytest.approx(0.08 - 0.0175)


def test_clients_who_do_not_differ_have_no_variance_between_them_however_small_their_query_sets():
    """The estimate is unbiased before it is cut at 0: over many draws, observed and sampling variance agree."""
    rng = np.random.default_rng(0)
    query = rng.integers(2, 12, 200_000)
    found = between_variance(rng.binomial(query, 0.7) / query, query, "classification")
    assert found.sampling == pytest.approx(found.observed, rel=0.02)
    truth = rng.beta(8, 3, 200_000)
    found = between_variance(rng.binomial(query, truth) / query, query, "classification")
    assert found.between == pytest.approx(8 * 3 / (11**2 * 12), rel=0.05)
    assert found.observed > 3 * found.between


@pytest.mark.parametrize(
    ("values", "query", "kind", "reason"),
    [
        ([], [], "classification", "fewer than 2"),
        ([0.5], [9], "classification", "fewer than 2"),
        ([0.5, 0.6], [9, 1], "classification", "fewer than 2 rows"),
        ([0.5, 0.6], [9, 9], "regression", "regression"),
    ],
)
def test_a_variance_that_cannot_be_corrected_says_why(values, query, kind, reason):
    found = between_variance(np.array(values), np.array(query), kind)
    assert found.between is None
    assert reason in found.reason


def test_two_ways_tell_a_group_from_a_device_in_disguise():
    values = np.array([0.2, 0.2, 0.8, 0.8, 0.8])
    table = two_way(values, list("aabba"), ["old", "old", "new", "new", "new"])
    assert table == {"a": {"new": (0.8, 1), "old": (0.2, 2)}, "b": {"new": (0.8, 2)}}
    with pytest.raises(ValueError, match="one row and column"):
        two_way(values, ["a"], ["b"])


KINDS = {"assistant": "classification", "avatar": "regression"}
CORNERS = {
    "one client": [client(0, [0.2, 0.4])],
    "one client without a step": [client(0, [0.2])],
    "all equal": [client(i, [0.5, 0.5]) for i in range(12)],
    "all zero": [client(i, [0.0, 0.0]) for i in range(9)],
    "no ceiling": [client(i, [0.1 * i, 0.5], oracle_score=None) for i in range(4)],
    "all at the ceiling": [client(i, [1.0, 1.0]) for i in range(30)],
    "query sets of one": [client(i, [0.0, 1.0], query=1) for i in range(5)],
    "all diverged": [client(0, [math.nan, 0.1])],
    "negative skill": [client(i, [-5.0 * i, -1.0], family="avatar") for i in range(11)],
    "mixed": [client(0, [0.1, 0.2]), client(1, [-3.0, 0.2], family="avatar", oracle_score=None, device="phone")],
}


@pytest.mark.parametrize("corner", CORNERS)
def test_every_corner_gives_numbers_or_a_reason(corner):
    summary = summarize(frame(*CORNERS[corner]), 0, KINDS)
    json.dumps(summary, allow_nan=False)
    for path, value in leaves(summary):
        if path[-1] == "value" and value is None:
            assert reason_at(summary, path), path


def leaves(value, path=()):
    """Yield every number of nested tables, with its path."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in inside:
        yield from leaves(own, (*path, key))
    if not isinstance(value, dict | list):
        yield path, value


def reason_at(summary, path):
    """Return what stands beside a missing value to explain it; the gap of one group explains itself by its groups."""
    table = summary
    for key in path[:-1]:
        table = table[key]
    return table.get("method") or len(table.get("groups", ())) < 2


def test_the_summary_has_steps_head_room_and_poverty_by_hand():
    people = [
        client(0, [0.0, 0.5, 1.0], n=10, oracle_score=1.0, group="a"),
        client(1, [0.5, 0.5, 0.5], n=30, oracle_score=1.0, group="a"),
        client(2, [0.0, 0.0, 0.6], n=20, oracle_score=0.8, group="b"),
    ]
    found = summarize(frame(*people), 0, KINDS)["adaptation"]
    assert [step["value"] for step in found["gain_by_step"]] == [pytest.approx(0.5 / 3), pytest.approx(1.1 / 3)]
    assert found["steps_to_target"]["targets"] == {"assistant": pytest.approx(0.7)}
    assert (found["steps_to_target"]["value"], found["steps_to_target"]["never"]) == (pytest.approx(8 / 3), 2)
    share = found["headroom_gain"]
    assert (share["value"], share["left_out"]) == (pytest.approx((1 + 0 + 0.75) / 3), 0)
    assert list(share["by_group"]["groups"]) == ["a", "b"]
    assert share["by_group"]["groups"]["a"] == {"value": 0.5, "clients": 2, "small": True}
    assert share["by_group"]["groups"]["b"]["value"] == pytest.approx(0.75)
    assert share["by_group"]["gap"] == pytest.approx(0.25)
    assert found["data_poverty"]["value"] == -1.0  # who has most gains least


def test_the_variance_between_clients_and_the_cells_of_group_and_device_are_in_the_summary():
    people = [client(i, [0.1, 0.25 + 0.5 * (i % 2)], device=("vr", "phone")[i % 2], query=26) for i in range(4)]
    fairness_of = summarize(frame(*people), 0, KINDS)["fairness"]
    assert fairness_of["between"]["sampling"] == pytest.approx(0.25 * 0.75 / 25)
    assert [(cell["device"], cell["after"], cell["clients"]) for cell in fairness_of["two_way"]] == [
        ("vr", 0.25, 2),
        ("phone", 0.75, 2),
    ]
