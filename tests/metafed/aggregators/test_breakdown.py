"""However f of n clients lie, the result stays near what the others say; the mean does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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

honest_values = st.floats(-10, 10, width=32)
lies = st.one_of(st.floats(-1e12, 1e12), st.floats(-20, 20), st.sampled_from([1e15, -1e15, 0.0]))


@st.composite
def elections(draw, least):
    """Honest updates and f lies, ``least(f)`` updates in all or some more, in any order."""
    f = draw(st.integers(0, 3))
    n = least(f) + draw(st.integers(0, 3))
    size = draw(st.integers(1, 3))
    honest = draw(arrays(np.float64, (n - f, size), elements=honest_values))
    lying = draw(arrays(np.float64, (f, size), elements=lies))
    order = draw(st.permutations(range(n)))
    return honest, np.concatenate([honest, lying])[order], f


def diameter(points):
    return max(float(np.linalg.norm(a - b)) for a in points for b in points)


@given(elections(lambda f: 2 * f + 1))
@settings(max_examples=150, deadline=None)
def test_median_and_trimmed_mean_stay_among_the_honest_values(election):
    honest, updates, f = election
    for aggregator in (Median(), TrimmedMean(f=f)):
        found = aggregator.combine(updates)
        assert (found >= honest.min(0) - 1e-9).all()
        assert (found <= honest.max(0) + 1e-9).all()


@given(elections(lambda f: 2 * f + 3))
@settings(max_examples=150, deadline=None)
def test_krum_stays_within_its_neighbours_of_an_honest_vote(election):
    honest, updates, f = election
    # an update's score is at most that of an honest one, and of its neighbours one at least is honest
    reach = diameter(honest) * np.sqrt(len(updates) - f - 2)
    for aggregator in (Krum(f=f), MultiKrum(f=f)):
        found = aggregator.combine(updates)
        assert np.linalg.norm(honest - found, axis=1).min() <= reach + diameter(honest) + 1e-6
    chosen = Krum(f=f).combine(updates)
    assert np.linalg.norm(honest - chosen, axis=1).min() <= reach + 1e-6


@given(elections(lambda f: 4 * f + 3))
@settings(max_examples=100, deadline=None)
def test_bulyan_stays_near_the_honest_values_of_every_coordinate(election):
    honest, updates, f = election
    found, width = Bulyan(f=f).combine(updates), np.ptp(honest, axis=0)
    assert (found >= honest.min(0) - width - 1e-6).all()
    assert (found <= honest.max(0) + width + 1e-6).all()


@given(elections(lambda f: 2 * f + 1))
@settings(max_examples=150, deadline=None)
def test_the_geometric_median_is_bounded_by_the_honest_votes(election):
    honest, updates, f = election
    # Lopuhaä, Rousseeuw 1991; Pillutla et al. 2022: at most 2 (n − f) / (n − 2 f) of their distances
    n, around = len(updates), honest.mean(0)
    reach = 2 * (n - f) / (n - 2 * f) * float(np.linalg.norm(honest - around, axis=1).max())
    found = GeometricMedian(steps=300).combine(updates)
    assert np.linalg.norm(found - around) <= reach * 1.05 + 1e-5


@given(elections(lambda f: 2 * f + 1))
@settings(max_examples=150, deadline=None)
def test_clipping_bounds_the_length_of_a_step(election):
    honest, updates, _ = election
    longest = float(np.linalg.norm(honest, axis=1).max())
    assert np.linalg.norm(NormClipping().combine(updates)) <= longest * (1 + 1e-9) + 1e-12
    before = honest.mean(0)
    for steps in (1, 3):
        found = CenteredClipping(bound=0.7, steps=steps).combine(updates, before)
        assert np.linalg.norm(found - before) <= 0.7 * steps * (1 + 1e-9)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e9])
def test_one_lie_moves_the_mean_anywhere(far):
    updates = np.zeros((20, 1))
    updates[7] = far
    assert Mean().combine(updates) == pytest.approx(far / 20)
    for kind in AGGREGATORS.values():
        assert not kind.robust or abs(kind().combine(updates)) < 1e-6


@pytest.mark.parametrize("aggregator", [Median(), TrimmedMean(f=4), GeometricMedian()], ids=repr)
def test_half_of_the_votes_break_what_half_can_break(aggregator):
    updates = np.zeros((9, 1))
    updates[:5] = 1e9
    assert abs(aggregator.combine(updates)) > 1e8
