"""What adaptation does for the worst tenth: by hand, ties, corners, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.fairness.worst import influences, of_lowest, of_worst

scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=40).map(np.array)


def test_by_hand():
    before = np.arange(20) / 20
    after = np.r_[0.9, 0.04, 0.02, before[3:]]  # the first leaves, the third falls
    found = of_worst(before, after, 0.0)
    assert found.began.value == pytest.approx((0.9 - 0.01) / 2)
    assert found.ended.value == pytest.approx((-0.01 - 0.08) / 2)
    assert found.left.value == 0.5
    assert {one.low for one in found} == {None}  # two clients in the tenth


def test_ties_at_the_border_count_in_part():
    before = np.r_[0.0, np.full(9, 0.5), np.ones(10)]
    after = before + np.r_[0.2, np.arange(9) / 90, np.zeros(10)]
    assert of_worst(before, after).began.value == pytest.approx((0.2 + 4 / 90) / 2)


def test_intervals_from_ten_clients_in_the_tenth_on():
    rng = np.random.default_rng(0)
    before = rng.beta(2, 6, 91)
    after = before + 0.5 * (1 - before) * rng.random(91)
    assert all(one.low <= one.value <= one.high for one in of_worst(before, after, 0.0)[:2])
    assert [one.low for one in of_worst(before[:90], after[:90], 0.0)[:2]] == [None, None]


def test_without_clients_there_is_a_reason():
    assert {one.method for one in of_worst(np.array([]), np.array([]))} == {"undefined: no clients"}


@given(scores, st.randoms())
def test_the_order_of_clients_does_not_matter(before, random):
    after = np.roll(before, 1)
    order = list(range(len(before)))
    random.shuffle(order)
    one, other = of_worst(before, after), of_worst(before[order], after[order])
    assert [e.value for e in one] == pytest.approx([e.value for e in other], abs=1e-12)


@given(scores)
def test_where_all_gain_the_same_so_do_the_worst_and_nobody_leaves(before):
    found = of_worst(before, before + 0.125)
    assert found.began.value == pytest.approx(0.125)
    assert found.ended.value == pytest.approx(0.125)
    assert found.left.value == 0


def test_influences_predict_the_variance_over_draws():
    rng = np.random.default_rng(1)
    scores = rng.random((400, 2000))
    columns = np.stack([scores, scores**2 + 0.1 * rng.normal(size=scores.shape)])
    predicted = (influences(columns) ** 2).mean() / scores.shape[1]
    assert predicted == pytest.approx(of_lowest(columns).var(), rel=0.25)
