from hypothesis import given
from hypothesis import strategies as st

from metafed.core.shelf import Shelf


@given(st.lists(st.integers(0, 9)), st.integers(0, 30))
def test_it_remembers_what_fits_and_never_more(keys, capacity):
    made = []

    def make(key):
        made.append(key)
        return "x" * key

    shelf = Shelf(make, len, capacity)
    for key in keys:
        assert shelf(key) == "x" * key
        assert shelf.bytes <= capacity
    if capacity >= sum(range(10)):
        assert len(made) == len(set(keys))


def test_the_longest_unused_goes_first():
    made = []

    def make(key):
        made.append(key)
        return key

    shelf = Shelf(make, lambda result: 1, 2)
    for key in (1, 2, 1, 3, 1, 2):
        shelf(key)
    assert made == [1, 2, 3, 2]
