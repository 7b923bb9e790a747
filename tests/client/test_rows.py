"""The rows that a host tells of its clients."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from client.host import means
from metafed.core.streams import stream


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.sampled_from([np.float32, np.float64]), st.booleans())
def test_means_at_once_have_the_bits_of_means_one_by_one(sizes, dtype, alike):
    rng = stream(0, "means", *sizes)
    values = [rng.standard_normal(sizes[0] if alike else size).astype(dtype) for size in sizes]
    found, expected = means(values), np.array([each.mean() for each in values])
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()
