"""λ of AFL: the projection onto the simplex, and what rounds make of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.objectives import Minimax
from metafed.objectives.simplex import project
from tests.metafed.objectives.clients import people, point, step

numbers = st.lists(st.floats(-50, 50), min_size=1, max_size=7).map(np.array)


@given(numbers)
@settings(max_examples=100, deadline=None)
def test_the_projection_is_the_nearest_point(values):
    found = project(values)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-9)
    # nearest: no direction towards a corner leads closer (the variational inequality)
    assert ((values - found) @ (np.eye(len(values)) - found).T <= 1e-7).all()
    np.testing.assert_allclose(project(values + 1e3), found, atol=1e-9)
    np.testing.assert_allclose(project(found), found, atol=1e-12)


@given(numbers, st.data())
@settings(max_examples=60, deadline=None)
def test_a_value_that_counts_several_times_is_as_good_as_several_values(values, data):
    counts = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(values), max_size=len(values))), float)
    together = project(values, counts)
    np.testing.assert_allclose(np.repeat(together, counts.astype(int)), project(np.repeat(values, counts.astype(int))))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.2, 0.8], [0.2, 0.8]), ([1.0, 1.0], [0.5, 0.5]), ([2.0, 0.0], [1, 0]), ([0.6, 0.5, -9], [0.55, 0.45, 0])],
)
def test_known_projections(values, expected):
    np.testing.assert_allclose(project(np.array(values)), expected, atol=1e-15)


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], [np.inf]])
def test_what_has_no_nearest_point_is_refused(values):
    with pytest.raises(ValueError, match="finite"):
        project(np.array(values))


def whole(state):
    """λ of all clients."""
    return np.array([state["own"].get(str(client), state["rest"]) for client in range(state["seen"])])


cohorts = st.lists(
    st.dictionaries(st.integers(0, 11), st.floats(0, 20), min_size=1, max_size=12), min_size=1, max_size=6
)


@given(cohorts, st.floats(0, 30))
@settings(max_examples=80, deadline=None)
def test_lambda_stays_on_the_simplex_whoever_is_sampled(rounds, rate):
    objective = Minimax(rate=rate)
    state = objective.start(12)
    for losses in rounds:
        _, state = objective.step(step_of_nothing(), state, losses)
        weights = whole(state)
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1, abs=1e-9)


def step_of_nothing():
    from metafed.objectives import NOTHING

    return NOTHING


@given(st.sets(st.integers(0, 11), min_size=1), st.floats(0, 20))
@settings(max_examples=30, deadline=None)
def test_equal_losses_keep_lambda_uniform(cohort, loss):
    objective = Minimax(rate=3)
    state = objective.start(12)
    for _ in range(3):
        _, state = objective.step(step_of_nothing(), state, dict.fromkeys(cohort, loss))
    np.testing.assert_allclose(whole(state), np.full(12, 1 / 12), atol=1e-12)


def test_with_everybody_a_round_is_the_papers():
    losses = np.array([3.0, 1.0, 0.5, 2.0])
    objective = Minimax(rate=0.8)
    _, state = objective.step(step_of_nothing(), objective.start(4), dict(enumerate(losses)))
    np.testing.assert_allclose(whole(state), project(np.full(4, 0.25) + 0.8 / 4 * losses), atol=1e-15)
    # what hosts get is N λ, the others' too
    assert objective.ask(state, [3, 7])["who"] == [3]
    assert objective.ask(state, [3])["own"] == [pytest.approx(4 * whole(state)[3])]


def test_lambda_of_a_sample_moves_as_that_of_everybody_on_average():
    losses, objective = np.array([3.0, 1.0, 0.5, 2.0]), Minimax(rate=0.01)
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    moved = []
    for pair in pairs:
        _, state = objective.step(step_of_nothing(), objective.start(4), {i: losses[i] for i in pair})
        moved.append(whole(state) - 0.25)
    expected = 0.01 / 4 * (losses - losses.mean())
    average = np.mean(moved, axis=0)
    # a mean over two in place of four shortens the step by (1 − 1/2) / (1 − 1/4), and turns it not at all
    np.testing.assert_allclose(average, expected * (1 / 2) / (3 / 4), atol=1e-12)


def test_a_persistently_worst_client_takes_all_the_weight():
    crowd, theta = people(weight=1.0), point()
    objective, state = Minimax(rate=1.0), None
    from tests.metafed.objectives.clients import losses_at

    worst = int(np.argmax(losses_at(crowd, theta)))
    for _ in range(60):
        found, state = step(objective, crowd, theta, state)
    assert whole(state)[worst] == pytest.approx(1)
    assert not found["b" if crowd[worst].family == "a" else "a"].any()


def test_a_group_that_comes_later_gets_the_mean_and_the_others_make_room():
    crowd, objective = people(9, weight=1.0), Minimax(over="groups", rate=0)
    first = [[i for i in range(9) if crowd[i].family == "a"]]
    _, state = step(objective, crowd, point(), None, first)
    assert state["own"] == {"a/x": 0.5, "a/y": 0.5}
    _, state = step(objective, crowd, point(), state)
    assert state["own"] == {"a/x": 0.25, "a/y": 0.25, "b/x": 0.25, "b/y": 0.25}
