"""Where rows have times, nothing is adapted on that lies in the future of what it is evaluated on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.episodes import Examples, Shots, draw, halves
from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

ROWS = Shots(support=5, query=7, evaluation=9, per_class=False)
CLASSES = Shots(support=3, query=4, evaluation=6, per_class=True)


def examples(y, time, **reported):
    return Examples(np.zeros((len(y), 2), np.float32), y, "", np.full(len(y), np.nan), time=np.array(time), **reported)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(40)), st.integers(4, 40), st.integers(0, 10**6))
def test_evaluation_comes_after_training_and_query_directly_after_support(order, count, seed):
    time = np.array(order[:count])
    own, rng = examples(np.zeros((count, 1)), time), stream(seed, "split")
    training, evaluation = halves(own, ROWS, rng)
    assert time[training].max() < time[evaluation].min()
    assert sorted([*training, *evaluation]) == list(range(count))
    for side, query in ((training, ROWS.query), (evaluation, ROWS.evaluation)):
        rows = draw(own, side, ROWS, query, rng)
        assert len(rows.support) == max(1, min(ROWS.support, len(side) // 2))
        assert len(rows.query) == min(query, len(side) - len(rows.support))
        # one stretch of what there is, in order, with no row left out between
        ranks = np.searchsorted(np.sort(time[side]), time[np.concatenate(rows)])
        assert np.diff(ranks).tolist() == [1] * (len(ranks) - 1)


def test_every_moment_to_begin_at_is_drawn():
    own = examples(np.zeros((40, 1)), range(40))
    training, _ = halves(own, ROWS, stream(0, "split"))
    first = {int(draw(own, training, ROWS, ROWS.query, stream(0, "e", i)).support[0]) for i in range(200)}
    assert first == set(range(20 - 5 - 7 + 1))


def test_classes_have_an_order_each_of_their_own():
    y, time = np.tile([0, 1], 12), np.arange(24)[::-1]
    own, rng = examples(y, time), stream(3, "split")
    training, evaluation = halves(own, CLASSES, rng)
    rows = draw(own, training, CLASSES, CLASSES.query, rng)
    for label in (0, 1):
        before, after = (time[side][y[side] == label] for side in (training, evaluation))
        assert len(before) == len(after) == 6
        assert before.max() < after.min()
        support, query = (time[part][y[part] == label] for part in rows)
        assert len(support) == 3
        assert support.max() < query.min()


def test_what_the_source_says_must_agree_with_the_times():
    y, reported = np.zeros((8, 1)), np.arange(8) >= 5
    training, evaluation = halves(examples(y, range(8), evaluation=reported), ROWS, stream(0, "split"))
    assert sorted(training) == [0, 1, 2, 3, 4]
    assert sorted(evaluation) == [5, 6, 7]
    with pytest.raises(ValueError, match="not after all training rows"):
        halves(examples(y, [0, 1, 2, 3, 7, 5, 6, 4], evaluation=reported), ROWS, stream(0, "split"))


def test_blocks_and_times_together_are_refused():
    with pytest.raises(ValueError, match="both blocks and times"):
        halves(examples(np.zeros((8, 1)), range(8), block=np.arange(8)), ROWS, stream(0, "split"))


@pytest.mark.parametrize("number", range(3))
def test_the_populations_episodes_of_assets_look_ahead_nowhere(number):
    people = Federation(Experiment(tasks="assets", clients=6, unseen=0.0, rounds=1)).population
    draws = [people.training([number], r) for r in range(1, 12)] + [people.evaluation([number])]
    last = 0
    for drawn in draws:
        (own,), (rows,) = drawn.examples, drawn.rows
        support, query = (own.time[part] for part in rows)
        assert support.max() + 1 == query.min()
        if drawn is draws[-1]:
            assert last < support.min()
        last = max(last, query.max())
