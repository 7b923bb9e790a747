"""FedFV and FedMGDA+ against straight-line code of their papers, against a solver of others, and their laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from metafed.aggregators import Fedfv, FedmgdaPlus, Gathered, Mean
from metafed.aggregators.base import Earlier
from metafed.aggregators.fedmgda_plus import shortest
from metafed.aggregators.updates import ClientVectors, counted
from metafed.core.streams import stream


def cloud(n, size, seed=0):
    return stream(seed, "fair").standard_normal((n, size))


def by_hand(updates, losses, keep, earlier=()):
    """FedFV, client by client: a dictionary of vectors, loops, no matrices."""
    order = sorted(range(len(updates)), key=lambda k: losses[k])
    left_alone = set(order[len(order) - keep :])
    changed = {}
    for i in range(len(updates)):
        g = np.array(updates[i])
        if i not in left_alone:
            for j in order:
                if j != i and np.dot(updates[j], g) < 0:
                    g = g - np.dot(updates[j], g) / np.linalg.norm(updates[j]) ** 2 * updates[j]
        changed[i] = g
    g = sum(changed.values()) / len(updates)
    for vectors in earlier:  # the oldest round first
        against = [v for v in vectors if np.dot(g, v) < 0]
        if against and np.dot(g, sum(against)) < 0:
            total = sum(against)
            g = g - np.dot(g, total) / np.linalg.norm(total) ** 2 * total
    return g / np.linalg.norm(g) * np.linalg.norm(np.mean(updates, axis=0))


@given(st.integers(0, 10**4), st.integers(1, 9), st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_fedfv_is_its_algorithm(seed, n, size):
    updates, losses = cloud(n, size, seed), stream(seed, "losses").random(n)
    for alpha, keep in ((0.0, 0), (0.1, 1), (1.0, n)):
        found = Fedfv(alpha=alpha, tau=0).direction(Gathered(updates, np.arange(n), losses))
        np.testing.assert_allclose(found, by_hand(updates, losses, keep), rtol=1e-9, atol=1e-11)


def test_two_rounds_of_three_clients_each_look_back_at_who_was_not_asked_again():
    first, second, third = cloud(3, 4, 1), cloud(3, 4, 2), cloud(3, 4, 3)
    losses = np.array([0.3, 0.1, 0.2])
    earlier = (Earlier(1, np.array([0, 1, 2]), first), Earlier(2, np.array([2, 3, 4]), second))
    now = Gathered(third, np.array([1, 4, 5]), losses, earlier=earlier)
    found = Fedfv(alpha=0, tau=2).direction(now)
    # of round 1 client 0 is left (1 is here, 2 was asked in round 2); of round 2 clients 2 and 3
    expected = by_hand(third, losses, 0, [[first[0]], [second[0], second[1]]])
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert not np.allclose(found, by_hand(third, losses, 0), rtol=1e-3)


def test_the_server_hands_on_losses_in_the_order_of_the_clients():
    updates, losses = cloud(3, 4), {7: 0.5, 2: 0.9, 4: 0.1}
    of_clients = [ClientVectors([7], {"trunk": updates[:1]}), ClientVectors([2, 4], {"trunk": updates[1:]})]
    found, unmoved = counted(Fedfv(alpha=0.1), of_clients, {}, losses)
    assert unmoved == []
    np.testing.assert_allclose(found["trunk"], by_hand(updates[[1, 2, 0]], [0.9, 0.1, 0.5], 1), rtol=1e-12)


@given(st.integers(0, 10**4), st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_fedfv_is_as_long_as_the_mean_and_is_the_mean_where_nothing_conflicts(seed, n):
    updates = cloud(n, 3, seed)
    length = np.linalg.norm(updates.mean(0))
    assert np.linalg.norm(Fedfv().combine(updates)) == pytest.approx(length, rel=1e-12)
    agreed = np.abs(updates)
    np.testing.assert_allclose(Fedfv().combine(agreed), Mean().combine(agreed), rtol=1e-12)


def test_two_opposite_updates_meet_where_neither_loses():
    updates = np.array([[1.0, 0.0], [-0.5, 1.0]])
    found = Fedfv(alpha=0).combine(updates)
    assert (updates @ found >= -1e-12).all()
    assert Fedfv(alpha=0).combine(np.array([[1.0], [-1.0]])).tolist() == [0.0]


@given(st.integers(0, 10**4), st.integers(2, 7), st.sampled_from([0.05, 0.2, 1.0]))
@settings(max_examples=40, deadline=None)
def test_fedmgda_plus_solves_its_programme_as_another_solver_does(seed, n, epsilon):
    units = cloud(n, 4, seed)
    units /= np.linalg.norm(units, axis=1)[:, None]
    weights = shortest(units @ units.T, epsilon)
    least, most = max(0, 1 / n - epsilon), min(1, 1 / n + epsilon)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights >= least).all()
    assert (weights <= most).all()
    theirs = minimize(
        lambda w: float(np.square(w @ units).sum()),
        np.full(n, 1 / n),
        jac=lambda w: 2 * units @ (w @ units),
        bounds=[(least, most)] * n,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(n)},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    assert np.linalg.norm(weights @ units) <= np.linalg.norm(theirs.x @ units) + 1e-7
    # optimal: whoever could give is nowhere better served than whoever could take
    along = units @ (weights @ units)
    assert along[weights > least].max() - along[weights < most].min() <= 1e-10


def test_three_unit_vectors_have_the_shortest_combination_of_the_closed_form():
    # two of three in a plane: the point of the segment that is nearest to 0, by the projection's formula
    a, b = np.array([1.0, 0.0]), np.array([np.cos(2.0), np.sin(2.0)])
    share = b @ (b - a) / ((a - b) @ (a - b))
    expected = share * a + (1 - share) * b
    np.testing.assert_allclose(FedmgdaPlus(epsilon=1).combine(np.array([a, b])), expected, atol=1e-12)
    with_third = np.array([3 * a, 5 * b, 7 * (a + b) / np.linalg.norm(a + b)])
    np.testing.assert_allclose(FedmgdaPlus(epsilon=1).combine(with_third), 5 * expected, atol=1e-10)


@given(st.integers(0, 10**4), st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_with_the_whole_simplex_no_client_is_made_worse_and_length_counts_for_nothing(seed, n):
    updates = cloud(n, 6, seed)
    found = FedmgdaPlus(epsilon=1).combine(updates)
    assert (updates @ found >= -1e-9).all()
    boasting = updates * np.where(np.arange(n) == 0, 1e6, 1)[:, None]
    scale = np.median(np.linalg.norm(boasting, axis=1)) / np.median(np.linalg.norm(updates, axis=1))
    np.testing.assert_allclose(FedmgdaPlus(epsilon=1).combine(boasting), scale * found, rtol=1e-6, atol=1e-9)


def test_without_room_it_is_the_mean_of_unit_updates():
    updates = cloud(5, 3)
    lengths = np.linalg.norm(updates, axis=1)
    expected = np.median(lengths) * (updates / lengths[:, None]).mean(0)
    np.testing.assert_allclose(FedmgdaPlus(epsilon=0).combine(updates), expected, rtol=1e-14)
    assert FedmgdaPlus().combine(np.zeros((3, 2))).tolist() == [0.0, 0.0]
