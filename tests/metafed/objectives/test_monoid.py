"""What clients say adds up to the same, in any order and any grouping, over chunks, hosts and messages."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.parameters import Layout
from metafed.messages.packing import Answer, pack
from metafed.messages.reading import unpack
from metafed.messages.typed import BadAnswer
from metafed.objectives import NOTHING, OBJECTIVES, Contribution, Cvar, Gap, Minimax, Qffl, Tilted
from tests.metafed.objectives.clients import SIZES, chunks_of, close, losses_at, people, point, step, total_of

LAYOUT = Layout({f"{part}.w": (size,) for part, size in SIZES.items()})
SETTINGS = [
    *(kind() for kind in OBJECTIVES.values()),
    *(Qffl(q=60), Tilted(t=300), Tilted(t=-300), Gap(over="families")),
    *(Minimax(over="groups"), Minimax(over="families", rate=2), Cvar(alpha=0.05)),
]
each_objective = pytest.mark.parametrize("objective", SETTINGS, ids=repr)


@st.composite
def groupings(draw):
    """All clients of a crowd in any order, cut into chunks of one family."""
    crowd = people(draw(st.integers(1, 9)), draw(st.integers(0, 50)))
    chunks = []
    for chunk in chunks_of(crowd):
        rest = draw(st.permutations(chunk))
        while rest:
            size = draw(st.integers(1, len(rest)))
            chunks.append(rest[:size])
            rest = rest[size:]
    return crowd, draw(st.permutations(chunks))


@each_objective
@given(groupings(), st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_any_grouping_of_the_clients_steps_alike(objective, grouping, seed):
    crowd, chunks = grouping
    theta, states = point(seed), [None, None]
    for _ in range(2):
        whole, states[0] = step(objective, crowd, theta, states[0])
        cut, states[1] = step(objective, crowd, theta, states[1], chunks)
        close(whole, cut, 1e-9)
        assert json.loads(json.dumps(states[0])) == states[0]
        assert str(states[0].keys()) == str(states[1].keys())
        theta = {part: values - 0.05 * whole.get(part, 0) for part, values in theta.items()}


scales = st.floats(-800, 800)
contributions = st.builds(
    lambda vector, weight, scale, total: Contribution(
        {"trunk": np.array(vector), "a/a/x": np.array(vector)},
        {"trunk": weight, "a/a/x": 1.0},
        {"trunk": scale},
        {"loss:a/x": total},
    ),
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
    st.floats(0.1, 10),
    scales,
    st.floats(-1e3, 1e3),
)


def same(left, right):
    close(left.directions, right.directions, 1e-9)
    assert left.weights == pytest.approx(right.weights)
    assert left.scales == right.scales
    assert left.sums == pytest.approx(right.sums)


@given(contributions, contributions, contributions)
@settings(max_examples=60, deadline=None)
def test_scaled_sums_are_a_commutative_monoid(a, b, c):
    same(a + b, b + a)
    same((a + b) + c, a + (b + c))
    same(a + NOTHING, a)
    same(NOTHING + a, a)


@given(contributions, contributions)
@settings(max_examples=40, deadline=None)
def test_scales_change_nothing_but_the_representation(a, b):
    plain = Contribution(a.directions, a.weights, sums=a.sums) + Contribution(b.directions, b.weights, sums=b.sums)
    alike = [Contribution(x.directions, x.weights, {"trunk": 7.0}, x.sums) for x in (a, b)]
    found = alike[0] + alike[1]
    np.testing.assert_array_equal(found.directions["trunk"], plain.directions["trunk"])
    assert found.scales == {"trunk": 7.0}


@each_objective
def test_a_message_loses_nothing(objective):
    crowd, theta = people(), point()
    _, state = step(objective, crowd, theta)
    total = total_of(objective, crowd, theta, state)
    arrays, values = pack(Answer(total, [], []))
    back = unpack(arrays, json.loads(json.dumps(values)), LAYOUT, range(7)).contribution
    assert back.weights == total.weights
    assert back.scales == total.scales
    assert back.sums == total.sums
    for key, vector in total.directions.items():
        np.testing.assert_array_equal(back.directions[key], vector)
    losses = dict(enumerate(losses_at(crowd, theta).tolist()))
    close(objective.step(back, state, losses)[0], objective.step(total, state, losses)[0])


@pytest.mark.parametrize("name", ["scale/trunk", "total/loss:a/x"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much"])
def test_a_message_with_sums_that_are_no_numbers_is_refused(name, value):
    arrays, values = pack(Answer(total_of(Gap(), people(), point()), [], []))
    arrays["sum/trunk"], values["weight/trunk"] = np.zeros(3), 1.0
    with pytest.raises(BadAnswer):
        unpack(arrays, {**values, name: value}, LAYOUT, range(7))


@each_objective
def test_nobody_moves_nothing(objective):
    state = objective.start(5)
    directions, after = objective.step(NOTHING, state, {})
    assert directions == {}
    assert after == state


@each_objective
def test_sums_of_another_shape_do_not_stop_the_server(objective):
    # a host that lies costs what it contributed, no more
    for lie in (Gap(), Tilted(t=5), Minimax()):
        total = total_of(lie, people(), point())
        losses = {0: float("nan"), 1: 2.0}
        directions, state = objective.step(total, objective.start(7), losses)
        assert all(np.isfinite(vector).all() for vector in directions.values())
        assert json.loads(json.dumps(state, allow_nan=False)) == state


def test_a_client_without_weight_says_nothing_however_large_its_loss():
    crowd = people()
    theta = point()
    silent = [*crowd, crowd[0]._replace(weight=0.0, target=crowd[0].target + 1e3)]
    for objective in (Tilted(t=50), Qffl(q=500), Cvar(), Gap(), Minimax(over="groups")):
        with_it, _ = step(objective, silent, theta)
        close(with_it, step(objective, crowd, theta)[0], 1e-9)
