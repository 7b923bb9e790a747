"""Statistics over seeds: closed forms, agreement with scipy, exact enumeration, laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, permutation_test, t

from metafed.core.streams import stream
from metafed.fairness import metrics as fairness
from metafed.fairness.replicates import adjusted, nested_interval, points, student_half
from metafed.fairness.significance import holm, seeds_needed, sign_flip, smallest_p
from metafed.fairness.studentized import lacks_over_seeds


def mean_of(values):
    return values[0].mean(axis=-1)


def gap_of(values):
    return fairness.worst10.rows(values[0]) - fairness.worst10.rows(values[1])


def seeds_of(count, clients, rng):
    return [rng.normal(rng.normal(0, 0.05), 0.1, (2, clients)) for _ in range(count)]


def test_the_value_is_the_mean_over_seeds_and_points_are_each_seeds_own():
    seeds = [np.array([[0.0, 1.0]]), np.array([[1.0, 1.0, 4.0]])]
    assert points(seeds, mean_of).tolist() == [0.5, 2.0]
    found = nested_interval(seeds, mean_of, stream(0, "test"))
    assert (found.value, found.low, found.n) == (1.25, None, 2)  # seeds count alike, whatever their clients
    assert "fewer than 5 seeds" in found.method


def test_with_one_client_a_seed_it_is_scipys_bca_over_seeds():
    values = np.random.default_rng(4).lognormal(size=12)
    found = nested_interval([np.array([[v]]) for v in values], mean_of, stream(0, "test"), 20_000)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(5))
    half = student_half(values)
    assert half == pytest.approx(t.ppf(0.975, 11) * values.std(ddof=1) / math.sqrt(12))
    low, high = theirs.confidence_interval
    assert found.low == pytest.approx(min(low, values.mean() - half), abs=0.03)
    assert found.high == pytest.approx(max(high, values.mean() + half), abs=0.03)


def test_bca_of_a_symmetric_sample_is_the_percentile_interval():
    means = np.linspace(-1, 1, 2001)
    assert adjusted(0.0, means, np.array([-2.0, -1.0, 0.0, 1.0, 2.0])) == pytest.approx((0.025, 0.975), abs=1e-9)


def test_the_interval_is_never_narrower_than_students_over_seeds():
    seeds = seeds_of(5, 60, np.random.default_rng(0))
    found = nested_interval(seeds, gap_of, stream(0, "test"), 400)
    each = points(seeds, gap_of)
    assert found.low <= each.mean() - student_half(each)
    assert found.high >= each.mean() + student_half(each)


def test_a_pair_is_resampled_together():
    """Two methods that differ by a constant at every client differ by that constant in every resample."""
    rng = np.random.default_rng(1)
    seeds = [np.stack([v, v - 0.25]) for v in rng.normal(0, 1, (6, 30))]
    found = nested_interval(seeds, lambda v: v[0].mean(-1) - v[1].mean(-1), stream(0, "test"), 300)
    assert found.value == pytest.approx(0.25)
    assert found.low is None  # no resample differs from any other
    assert "equal" in found.method


def test_equal_values_have_no_interval_and_a_statistic_that_breaks_says_so():
    same = nested_interval([np.ones((1, 3))] * 5, mean_of, stream(0, "test"), 200)
    assert (same.value, same.low) == (1.0, None)
    rng = np.random.default_rng(2)
    sparse = [np.where(np.arange(3) == 0, rng.random(3), 0.0)[None] for _ in range(5)]
    with np.errstate(all="ignore"):
        found = nested_interval(sparse, lambda v: fairness.gini.rows(v[0]), stream(0, "test"), 300)
    assert found.low is None
    assert "undefined on some resamples" in found.method


def test_the_interval_holds_the_truth():
    """Coverage of a nominal 95 % interval, five seeds, both levels random; 200 draws."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        found = nested_interval(seeds_of(5, 20, rng), mean_of, rng, 199)
        held += found.low <= 0 <= found.high
    assert 180 <= held <= 200


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
    assert lacks_over_seeds(tail, 29, True, "own") == "fewer than 30 clients in a seed"
    assert lacks_over_seeds(tail, 19, True, "difference") == "fewer than 20 clients in a seed"
    assert "no lowest value" in lacks_over_seeds(spread, 500, False, "own")
    known = [(tail, 30, "own"), (tail, 20, "difference"), (spread, 10, "difference"), (fairness.mean, 2, "own")]
    assert not any(lacks_over_seeds(metric, n, False, of) for metric, n, of in known)
    assert not lacks_over_seeds(spread, 10, True, "own")
