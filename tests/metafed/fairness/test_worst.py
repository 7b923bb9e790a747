"""What adaptation does for the worst tenth: by hand, ties, corners, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.fairness.worst import of_worst

scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=40).map(np.array)


def test_by_hand():
    before = np.arange(20) / 20
    after = np.r_[0.9, 0.04, 0.02, before[3:]]  # the first leaves, the third falls
    found = of_worst(before, after)
    assert found.began.value == pytest.approx((0.9 - 0.01) / 2)
    assert found.ended.value == pytest.approx((-0.01 - 0.08) / 2)
    assert found.left.value == 0.5
    assert {one.low for one in found} == {None}


def test_ties_at_the_border_count_in_part():
    before = np.r_[0.0, np.full(9, 0.5), np.ones(10)]
    after = before + np.r_[0.2, np.arange(9) / 90, np.zeros(10)]
    assert of_worst(before, after).began.value == pytest.approx((0.2 + 4 / 90) / 2)


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
