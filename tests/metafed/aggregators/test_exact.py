"""Every aggregator against hand computations and against the definition, computed the slow way."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from metafed.aggregators import (
    AGGREGATORS,
    Bulyan,
    CenteredClipping,
    GeometricMedian,
    Krum,
    Mean,
    Median,
    MultiKrum,
    NormClipping,
    TrimmedMean,
)
from metafed.core.streams import stream


def column(*values):
    return np.array(values, np.float64)[:, None]


def cloud(n, size, seed=0):
    return stream(seed, "cloud").standard_normal((n, size))


def test_hand_computed():
    line = column(0, 1, 2, 3, 100)
    assert Mean().combine(line) == pytest.approx(21.2)
    assert Median().combine(line) == 2
    assert Median().combine(column(0, 1, 3, 100)) == 2
    assert TrimmedMean(f=1).combine(line) == 2
    assert TrimmedMean(f=2).combine(line) == 2
    assert TrimmedMean(share=0.2).combine(line) == 2
    # n − f − 2 = 2 neighbours: scores 1 + 4, 1 + 1, 1 + 1, 1 + 4, 97² + 98²; the first of equals wins
    assert Krum(f=1).combine(line) == 1
    assert MultiKrum(f=1, m=2).combine(line) == 1.5
    assert MultiKrum(f=1).combine(line) == 1.5
    assert GeometricMedian().combine(line) == pytest.approx(2, abs=1e-3)
    # the lengths are 0, 1, 2, 3, 100, their median 2
    assert NormClipping().combine(line) == pytest.approx((0 + 1 + 2 + 2 + 2) / 5)
    assert NormClipping(bound=1).combine(line) == pytest.approx(4 / 5)
    # from 10, cut to 5: −5, −5, −5, −5, +5
    assert CenteredClipping(bound=5, steps=1).combine(line, np.array([10.0])) == pytest.approx(10 - 3)
    # then from 7: −5, −5, −5, −4, +5
    assert CenteredClipping(bound=5, steps=2).combine(line, np.array([10.0])) == pytest.approx(7 - 14 / 5)


def test_bulyan_by_hand():
    # n = 7, f = 1: Krum, with 4, 3, 2, 1, 1 neighbours, takes 5 of them; the 3 values nearest their median are averaged
    line = column(0, 1, 2, 3, 4, 5, 1000)
    left, chosen = [0.0, 1, 2, 3, 4, 5, 1000], []
    for _ in range(5):
        neighbours = max(len(left) - 3, 1)
        score = {v: sum(sorted((v - w) ** 2 for w in left if w != v)[:neighbours]) for v in left}
        chosen.append(min(left, key=score.get))
        left.remove(chosen[-1])
    middle = float(np.median(chosen))
    nearest = sorted(sorted(chosen), key=lambda v: abs(v - middle))[:3]
    assert 1000 not in chosen
    assert Bulyan(f=1).combine(line) == pytest.approx(np.mean(nearest))


def slow_krum(updates, f):
    def score(i):
        apart = sorted(float(((updates[i] - updates[j]) ** 2).sum()) for j in range(len(updates)) if j != i)
        return sum(apart[: len(updates) - f - 2])

    return min(range(len(updates)), key=score)


@given(st.integers(0, 200), st.integers(5, 12), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_krum_is_its_definition(seed, n, size):
    updates, f = cloud(n, size, seed), (n - 3) // 2
    np.testing.assert_array_equal(Krum(f=f).combine(updates), updates[slow_krum(updates, f)])
    np.testing.assert_array_equal(MultiKrum(f=f, m=1).combine(updates), Krum(f=f).combine(updates))


@given(st.integers(0, 200), st.integers(7, 15))
@settings(max_examples=30, deadline=None)
def test_bulyan_is_its_definition(seed, n):
    updates, f = cloud(n, 3, seed), (n - 3) // 4
    left, chosen = list(range(n)), []
    while len(chosen) < n - 2 * f:

        def score(i):
            apart = sorted(float(((updates[i] - updates[j]) ** 2).sum()) for j in left if j != i)
            return sum(apart[: max(len(left) - f - 2, 1)])

        best = min(left, key=score)
        chosen.append(best)
        left.remove(best)
    expected = []
    for values in updates[chosen].T:
        middle = np.median(values)
        expected.append(np.mean(sorted(values, key=lambda v: abs(v - middle))[: n - 4 * f]))
    np.testing.assert_allclose(Bulyan(f=f).combine(updates), expected, rtol=1e-12)


@given(st.integers(0, 200), st.integers(3, 12), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_the_geometric_median_has_the_least_sum_of_distances(seed, n, size):
    updates = cloud(n, size, seed)

    def cost(point):
        return float(np.linalg.norm(updates - point, axis=1).sum())

    found = cost(GeometricMedian(steps=1000).combine(updates))
    best = minimize(
        cost, updates.mean(0), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9000}
    )
    assert found <= best.fun * (1 + 1e-6)


@given(st.integers(0, 200), st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_neutral_settings_are_the_mean(seed, n, size):
    updates = cloud(n, size, seed)
    neutral = [TrimmedMean(f=0), NormClipping(bound=1e9), CenteredClipping(bound=1e9, steps=1)]
    if n >= 3:
        neutral += [MultiKrum(f=0, m=n), Bulyan(f=0)]
    for aggregator in neutral:
        np.testing.assert_allclose(aggregator.combine(updates), updates.mean(0), rtol=1e-9, atol=1e-12)


each = pytest.mark.parametrize("name", AGGREGATORS)


@each
@given(st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_everybody_agrees(name, seed):
    update = cloud(1, 4, seed)[0]
    # centered clipping comes near what everybody says, and reaches it where nothing is cut
    aggregator = AGGREGATORS[name]()
    np.testing.assert_allclose(aggregator.combine(np.tile(update, (7, 1)), update), update, rtol=1e-12)


# the two nearest of the last few in Bulyan's choice have the same score by definition: there the clients' order
# decides; FedFV's clients are ordered by their losses
@pytest.mark.parametrize("name", [name for name in AGGREGATORS if name not in ("bulyan", "fedfv")])
@given(st.integers(0, 100), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_order_does_not_matter(name, seed, random):
    updates = cloud(11, 3, seed)
    shuffled = list(range(11))
    random.shuffle(shuffled)
    aggregator = AGGREGATORS[name]()
    np.testing.assert_allclose(
        aggregator.combine(updates), aggregator.combine(updates[shuffled]), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in AGGREGATORS
        if name not in ("norm-clipping", "centered-clipping", "sign-guard", "fedfv", "fedmgda+")
    ],
)
@given(st.integers(0, 100), st.floats(-100, 100), st.floats(0.1, 10))
@settings(max_examples=15, deadline=None)
def test_shifted_and_stretched_votes_shift_and_stretch_the_result(name, seed, shift, stretch):
    updates, aggregator = cloud(11, 3, seed), AGGREGATORS[name]()
    expected = stretch * aggregator.combine(updates) + shift
    np.testing.assert_allclose(aggregator.combine(stretch * updates + shift), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("steps", [1, 3])
def test_centered_clipping_starts_at_the_direction_of_the_round_before(steps):
    updates, before = cloud(5, 2) + 40, np.array([3.0, -2.0])
    found = CenteredClipping(bound=0.5, steps=steps).combine(updates, before)
    assert np.linalg.norm(found - before) == pytest.approx(0.5 * steps, rel=1e-3)


def test_a_share_is_rounded_down_and_a_number_is_taken_as_it_is():
    assert [TrimmedMean(share=0.2).liars(n) for n in (4, 5, 9, 10, 15)] == [0, 1, 1, 2, 3]
    assert [Krum(f=2).needed(50), Bulyan(f=2).needed(50), TrimmedMean(f=2).needed(50)] == [7, 11, 5]
    assert MultiKrum(f=1, m=9).needed(50) == 9


def test_chosen_votes_are_a_subset_whose_mean_it_is():
    updates = cloud(8, 2)
    found = MultiKrum(f=1).combine(updates)
    subsets = itertools.combinations(range(8), 5)
    assert any(np.allclose(updates[list(subset)].mean(0), found) for subset in subsets)
