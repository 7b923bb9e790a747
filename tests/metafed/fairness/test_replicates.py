"""Statistics over seeds: closed forms, agreement with scipy, exact enumeration, laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, t

from metafed.fairness import metrics as fairness
from metafed.fairness.replicates import points, seeds_interval
from metafed.fairness.significance import holm, seeds_needed, sign_flip, smallest_p
from metafed.fairness.studentized import lacks_over_seeds


def mean_of(values):
    return values[0].mean(axis=-1)


def test_the_value_is_the_mean_over_seeds_and_points_are_each_seeds_own():
    seeds = [np.array([[0.0, 1.0]]), np.array([[1.0, 1.0, 4.0]])]
    each = points(seeds, mean_of)
    assert each.tolist() == [0.5, 2.0]
    found = seeds_interval(each)
    assert (found.value, found.low, found.n) == (1.25, None, 2)  # seeds count alike, whatever their clients
    assert "fewer than 5 seeds" in found.method


def test_an_interval_over_seeds_is_students():
    each = np.random.default_rng(4).normal(size=12)
    found = seeds_interval(each)
    half = t.ppf(0.975, 11) * each.std(ddof=1) / math.sqrt(12)
    assert (found.low, found.high) == pytest.approx((each.mean() - half, each.mean() + half))
    assert (found.n, found.method) == (12, "Student t over seeds")


def test_of_a_tail_it_reaches_a_ninth_farther():
    each = np.array([0.5, 0.52, 0.47, 0.6, 0.55])
    plain, tail = seeds_interval(each), seeds_interval(each, of_tail=True)
    assert tail.value == plain.value
    assert tail.high - tail.value == pytest.approx((plain.high - plain.value) * 10 / 9)
    assert tail.value - tail.low == pytest.approx((plain.value - plain.low) * 10 / 9)
    assert seeds_interval(each[:4], of_tail=True).low is None


def test_seeds_that_are_equal_or_undefined_have_no_interval():
    same = seeds_interval(np.full(6, 0.25) + 1e-15 * np.arange(6))
    assert (same.value, same.low) == (pytest.approx(0.25), None)
    assert "equal" in same.method
    assert seeds_interval(np.array([math.nan, 1, 2, 3, 4])).method == "none: undefined for a seed"
    assert seeds_interval(np.array([])).value is None


def test_the_interval_holds_the_truth():
    """Coverage of a nominal 95 % interval, five seeds, both levels random; 2000 draws."""
    rng = np.random.default_rng(3)
    means = rng.normal(rng.normal(0, 0.05, (2000, 5, 1)), 0.1, (2000, 5, 20)).mean(-1)
    ends = np.array([seeds_interval(each)[1:3] for each in means])
    assert 0.93 <= ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean() <= 0.97


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8).map(np.array))
@settings(max_examples=60)
def test_sign_flips_are_all_tried(differences):
    seen = abs(differences.sum())
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(float(np.dot(pattern, differences))) for pattern in signs]
    hits = sum(s >= seen - 1e-9 for s in sums)
    least = sum(s >= seen + 1e-9 for s in sums)
    assert least / len(sums) <= sign_flip(differences) <= hits / len(sums)
    assert sign_flip(differences) == sign_flip(-differences) == sign_flip(differences[::-1])


def test_sign_flips_agree_with_scipy():
    one, other = np.random.default_rng(0).normal(size=(2, 9))
    theirs = permutation_test((one, other), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=10**6)
    assert sign_flip(one - other) == pytest.approx(theirs.pvalue)


def test_sign_flips_at_the_corners():
    assert sign_flip(np.full(5, 0.3)) == 2 / 32 == smallest_p(5)
    assert sign_flip(np.full(6, 0.3)) == 2 / 64 < 0.05
    assert sign_flip(np.zeros(7)) == 1.0
    assert sign_flip(np.array([])) is None
    assert sign_flip(np.full(40, 0.1)) == 1 / 2**16  # drawn: the seen pattern alone
    with pytest.raises(ValueError, match="value 0 of 1 is nan"):
        sign_flip(np.array([math.nan]))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.04, None, 0.6]) == [0.08, None, 0.6]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_values_and_bonferroni_and_keeps_their_order(values):
    found = holm(values)
    assert all(p <= q <= min(1.0, len(values) * p) + 1e-12 for p, q in zip(values, found, strict=True))
    order = np.argsort(values, kind="stable")
    assert np.diff(np.array(found)[order]).min(initial=0) >= 0


def test_seeds_needed_is_where_the_smallest_p_passes():
    for comparisons in (1, 2, 6, 40):
        enough = seeds_needed(comparisons)
        assert smallest_p(enough) * comparisons <= 0.05 < smallest_p(enough - 1) * comparisons


def test_over_seeds_tails_of_few_clients_and_spread_without_bounds_have_no_interval():
    tail, spread = fairness.worst10, fairness.std
    assert lacks_over_seeds("share", 49, True, "own") == "fewer than 50 clients in a seed"
    assert not lacks_over_seeds("share", 50, True, "own")
    assert not lacks_over_seeds("share", 10, True, "difference")
    assert lacks_over_seeds(tail, 49, True, "own") == "fewer than 50 clients in a seed"
    assert lacks_over_seeds(tail, 29, True, "difference") == "fewer than 30 clients in a seed"
    assert "no lowest value" in lacks_over_seeds(spread, 500, False, "own")
    known = [(tail, 50, "own"), (tail, 30, "difference"), (spread, 10, "difference"), (fairness.mean, 2, "own")]
    assert not any(lacks_over_seeds(metric, n, False, of) for metric, n, of in known)
    assert not lacks_over_seeds(spread, 10, True, "own")
