"""Episodes drawn together are as fair as those drawn one by one, and do not depend on the company."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metafed.core.draws import ROW_BITS, Half, Numbers, draw_together, half, slots_together, sortable
from metafed.core.episodes import Examples, Shots, draw_from
from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation

SIZES = st.lists(st.lists(st.integers(2, 40), min_size=1, max_size=5), min_size=1, max_size=6)
SHOTS = st.builds(Shots, st.integers(1, 12), st.integers(1, 12), st.just(9), st.just(True))


def halves(sizes):
    """Return clients' halves: rows are numbered from 1000 on, in an order of their own."""
    found = []
    for client, own in enumerate(sizes):
        rows = stream(0, "rows", client).permutation(sum(own)) + 1000
        found.append(half(np.split(rows, np.cumsum(own)[:-1])))
    return found


@given(SIZES, SHOTS, st.integers(0, 5))
def test_as_many_rows_of_every_class_as_one_by_one_and_all_different(sizes, shots, server_round):
    clients, own = list(range(7, 7 + len(sizes))), halves(sizes)
    drawn = draw_together(own, shots, shots.query, Numbers(3, "episodes", server_round, clients))
    for one, rows in zip(own, drawn, strict=True):
        y = np.empty(2000, np.int64)
        for label, stratum in enumerate(one.strata):
            y[stratum] = label
        examples = Examples(y[:, None], y, "", y * 0.0)
        alone = draw_from(examples, one.strata, shots, shots.query, stream(0, "e"))
        for ours, theirs in zip(rows, alone, strict=True):
            np.testing.assert_array_equal(np.sort(y[ours]), np.sort(y[theirs]))
        together = np.concatenate(rows)
        assert len(set(together.tolist())) == len(together)
        assert set(together.tolist()) <= set(one.rows.tolist())


@given(SIZES, st.integers(0, 5))
def test_an_episode_is_the_same_in_any_company(sizes, server_round):
    clients, own, shots = list(range(len(sizes))), halves(sizes), Shots(3, 4, 5, True)
    together = draw_together(own, shots, 4, Numbers(1, "episodes", server_round, clients))
    orders = slots_together(len(clients), 6, Numbers(1, "episodes", server_round, clients))
    for client, rows in zip(clients, together, strict=True):
        numbers = Numbers(1, "episodes", server_round, [client])
        (alone,) = draw_together([own[client]], shots, 4, numbers)
        assert [a.tolist() for a in alone] == [a.tolist() for a in rows]
        assert slots_together(1, 6, numbers)[0].tolist() == orders[client].tolist()


def test_rounds_clients_names_and_seeds_have_numbers_of_their_own():
    index = np.arange(50)
    found = [
        Numbers(seed, name, server_round, [client])(np.zeros(50, np.int64), index)
        for seed, name, server_round, client in [
            (0, "a", 1, 1),
            (1, "a", 1, 1),
            (0, "b", 1, 1),
            (0, "a", 2, 1),
            (0, "a", 1, 2),
        ]
    ]
    assert len(np.unique(np.concatenate(found))) == 250


def test_every_row_is_as_likely_and_rows_are_drawn_independently():
    """χ² of how often each of 12 rows is in the support, and of the pairs in it, over 3,000 rounds."""
    own, shots, rounds = [Half(np.arange(12), np.array([12]))] * 2, Shots(3, 5, 5, False), 1500
    counts, pairs = np.zeros(12), np.zeros((12, 12))
    for server_round in range(rounds):
        for rows in draw_together(own, shots, 5, Numbers(0, "episodes", server_round, [4, 900_000])):
            counts[rows.support] += 1
            pairs[np.ix_(rows.support, rows.support)] += 1
    assert stats.chisquare(counts).pvalue > 1e-3
    upper = pairs[np.triu_indices(12, 1)]
    # the pairs' counts vary a little less than Poisson's would: three of a round are of one support
    assert stats.chisquare(upper).pvalue > 1e-3


def test_every_order_of_the_slots_is_as_likely():
    found = [slots_together(4, 3, Numbers(0, "episodes", r, [0, 1, 2, 3])) for r in range(600)]
    _, counts = np.unique(np.concatenate(found), axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("rows", [2**ROW_BITS - 1, 2**ROW_BITS])
def test_a_client_with_too_many_rows_for_one_sort_is_drawn_by_itself(rows):
    assert sortable(Half(np.arange(rows), np.array([rows]))) == (rows < 2**ROW_BITS)


def test_clients_with_too_many_classes_for_one_sort_are_sorted_in_turns(monkeypatch):
    own, shots = halves([[4, 5, 6], [7, 8], [9], [4, 4, 4]]), Shots(3, 4, 5, True)
    whole = draw_together(own, shots, 4, Numbers(1, "episodes", 1, [3, 5, 7, 9]))
    monkeypatch.setattr("metafed.core.draws.MOST_CLASSES", 3)
    parts = draw_together(own, shots, 4, Numbers(1, "episodes", 1, [3, 5, 7, 9]))
    assert [[a.tolist() for a in rows] for rows in parts] == [[a.tolist() for a in rows] for rows in whole]


def test_clients_are_trained_on_their_training_rows_alone_and_differently_from_round_to_round():
    population = Federation(Experiment(clients=9, tasks="assistant")).population
    first, second = (population.training([0, 1, 2], server_round) for server_round in (1, 2))
    again = population.training([0, 1, 2], 1)
    for position, client in enumerate([0, 1, 2]):
        training = set(population.split(client).training.rows.tolist())
        for drawn in (first, second):
            assert set(np.concatenate(drawn.rows[position]).tolist()) <= training
        assert first.rows[position].support.tolist() == again.rows[position].support.tolist()
        assert first.rows[position].support.tolist() != second.rows[position].support.tolist()
