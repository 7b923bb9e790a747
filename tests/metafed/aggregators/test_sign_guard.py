"""SignGuard by hand, its mean shift against scikit-learn's, and what it is for: lies that hide in every coordinate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import MeanShift

from metafed.aggregators import Mean, MultiKrum, SignGuard
from metafed.aggregators.sign_guard import largest_cluster, signs
from metafed.core.streams import stream
from metafed.faults.lies import alie
from tests.metafed.aggregators.test_breakdown import elections


def rows(*values):
    return np.array(values, np.float64)


def test_signs_are_counted():
    np.testing.assert_array_equal(
        signs(rows([1, 0, -2, 5], [0, -0.0, 0, -1])), rows([0.5, 0.25, 0.25], [0, 0.75, 0.25])
    )


def test_hand_computed():
    # of the lengths 0.1, 1, 1.5, 3, 5, 40 the lower of those in the middle is 1.5: 0.15 to 4.5 pass
    line = rows([1], [1.5], [3], [5], [40], [0.1])
    assert SignGuard().combine(line) == pytest.approx((1 + 1.5 + 1.5) / 3)
    assert SignGuard(upper=4).combine(line) == pytest.approx((1 + 1.5 + 1.5 + 1.5) / 4)
    assert SignGuard(lower=0, upper=100).combine(line) == pytest.approx((1 + 1.5 + 1.5 + 1.5 + 1.5 + 0.1) / 6)
    # of usual length all, but two point elsewhere than the rest
    assert SignGuard().combine(rows([1], [1], [1], [-1], [-1])) == pytest.approx(1)
    # positive shares 1, 1, 1, 0: the distances to the two nearest of four, itself among them, are 0, 0, 0, 1
    np.testing.assert_allclose(SignGuard().combine(rows([3, 4], [4, 3], [3, 4], [-3, -4])), rows(10 / 3, 11 / 3))


def test_where_nobody_passes_both_filters_lengths_decide():
    # the largest cluster of signs is of three that are far too long
    updates = rows([100, 100], [90, 90], [95, 95], [-1, -1], [-1, -1], [1, -1], [-1, 1])
    assert largest_cluster(signs(updates)).tolist() == [True] * 3 + [False] * 4
    np.testing.assert_allclose(SignGuard().combine(updates), rows(-0.5, -0.5))


points = st.integers(1, 40).flatmap(lambda n: arrays(np.float64, (n, 3), elements=st.floats(0, 1, width=16)))


def scikit(found, width):
    labels = MeanShift(bandwidth=width).fit_predict(found)
    return np.bincount(labels).max()


def width_of(found):
    nearest = [sorted(float(np.linalg.norm(a - b)) for b in found)[len(found) // 2 - 1] for a in found]
    return float(np.mean(nearest)) * (1 + 1e-9)


@given(st.integers(0, 10_000), st.integers(4, 40), st.floats(0, 3))
@settings(max_examples=60, deadline=None)
def test_the_largest_cluster_is_as_large_as_that_of_scikit_learn(seed, n, apart):
    rng = stream(seed, "points")
    found = rng.standard_normal((n, 3)) + apart * rng.integers(0, 3, (n, 1))
    assert largest_cluster(found).sum() == scikit(found, width_of(found))


@given(points)
@settings(max_examples=100, deadline=None)
def test_there_is_always_a_largest_cluster(found):
    inside = largest_cluster(found)
    assert inside.shape == (len(found),)
    assert inside.any()


def test_clusters_that_are_apart_are_told_apart():
    rng = stream(0, "points")
    many, few = 0.01 * rng.standard_normal((13, 3)), 0.01 * rng.standard_normal((12, 3)) + 1
    assert largest_cluster(np.concatenate([few, many])).tolist() == [False] * 12 + [True] * 13
    assert largest_cluster(np.zeros((5, 3))).all()


@given(elections(lambda f: 2 * f + 1), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_step_is_as_long_as_an_honest_vote_at_most(election, strict):
    honest, updates, _ = election
    # less than half lie: the median length is at most the longest honest one
    found = (SignGuard(lower=0.9, upper=1.1) if strict else SignGuard()).combine(updates)
    assert np.linalg.norm(found) <= float(np.linalg.norm(honest, axis=1).max()) * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_a_lie_within_the_spread_of_every_coordinate_is_told_by_its_signs(seed):
    honest = 0.1 + stream(seed, "votes").standard_normal((64, 400))
    updates = np.concatenate([honest, np.tile(alie(honest, 16), (16, 1))])
    found = {kind: kind().combine(updates) for kind in (Mean, MultiKrum, SignGuard)}
    off = {kind: float((vector - honest.mean(0)).mean()) for kind, vector in found.items()}
    assert abs(off[SignGuard]) < abs(off[Mean]) / 2
    assert off[MultiKrum] < off[Mean] < 0


def test_more_liars_than_honest_are_believed():
    updates = np.concatenate([np.ones((4, 8)), -np.ones((5, 8))])
    assert (SignGuard().combine(updates) == -1).all()
