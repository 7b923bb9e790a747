"""Ranks are SciPy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from metafed.core.ranks import ranks


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0]), max_size=30))
def test_they_are_scipys(values):
    values = np.asarray(values, dtype=np.float64)
    np.testing.assert_array_equal(ranks(values), rankdata(values))
