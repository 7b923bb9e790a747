from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.episodes import Examples, Shots, draw, evaluation_rows, halves, strata
from metafed.core.streams import stream

ROWS = Shots(support=5, query=7, evaluation=9, per_class=False)
CLASSES = Shots(support=3, query=4, evaluation=6, per_class=True)


def examples(y, **reported):
    return Examples(np.zeros((len(y), 2), np.float32), y, "", np.full(len(y), np.nan), **reported)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=4, max_size=12), st.integers(0, 10**6))
def test_no_block_is_on_two_sides(sizes, seed):
    block = np.repeat(np.arange(len(sizes)) * 3, sizes)
    own = examples(np.zeros((len(block), 2)), block=block)
    rng = stream(seed, "split")
    sides = halves(own, ROWS, rng)
    sets = [s for side in sides for s in draw(own, side, ROWS, 10, rng)]
    assert all(len(rows) for rows in sets)
    blocks = [set(block[rows]) for rows in sets]
    assert sum(map(len, blocks)) == len(set.union(*blocks))
    assert sorted(np.concatenate(sides)) == list(range(len(block)))


def test_too_few_blocks_are_refused_however_many_rows():
    own = examples(np.zeros((300, 2)), block=np.repeat([0, 1, 2], 100))
    with pytest.raises(ValueError, match="3 blocks"):
        halves(own, ROWS, stream(0, "split"))


@pytest.mark.parametrize(("rows", "share", "evaluated"), [(20, 0.25, 5), (9, 0.5, 4), (30, 0.1, 3), (4, 0.9, 2)])
def test_a_share_of_the_rows_is_evaluated_and_both_sides_have_two_at_least(rows, share, evaluated):
    sizes = replace(ROWS, evaluation_share=share)
    for own in (examples(np.zeros(rows)), examples(np.zeros(rows), time=np.arange(rows))):
        training, evaluation = halves(own, sizes, stream(0, "split"))
        assert len(evaluation) == evaluated
        assert sorted([*training, *evaluation]) == list(range(rows))
    assert training.max() < evaluation.min()


def test_the_sources_own_evaluation_rows_are_kept():
    y = np.repeat([0, 1], 10)
    reported = np.tile([True, True, False, False, False], 4)
    training, evaluation = halves(examples(y, evaluation=reported), CLASSES, stream(0, "split"))
    assert sorted(evaluation) == list(np.flatnonzero(reported))
    assert sorted(training) == list(np.flatnonzero(~reported))


def test_a_class_without_two_evaluation_rows_is_refused():
    y, reported = np.repeat([0, 1], 6), np.array([True] * 3 + [False] * 3 + [True] + [False] * 5)
    with pytest.raises(ValueError, match="5 training and 1 evaluation"):
        halves(examples(y, evaluation=reported), CLASSES, stream(0, "split"))


@pytest.mark.parametrize("size", [4, 5, 6, 7, 12, 13, 40])
def test_judged_foretells_the_evaluation_query(size):
    y = np.repeat([0, 1], [size, 9])
    own, rng = examples(y), stream(size, "split")
    _, evaluation = halves(own, CLASSES, rng)
    query = draw(own, evaluation, CLASSES, CLASSES.evaluation, rng).query
    assert (y[query] == 0).sum() == evaluation_rows(size, CLASSES) >= 1


@given(st.lists(st.integers(-2, 9), max_size=60), st.integers(0, 9))
def test_rows_of_each_class_in_their_order_and_classes_ascending(labels, seed):
    y = np.array(labels, np.int64)
    rows = stream(seed, "rows").permutation(len(y))
    found = strata(examples(y), rows, CLASSES)
    assert [part.tolist() for part in found] == [rows[y[rows] == label].tolist() for label in np.unique(y)]
