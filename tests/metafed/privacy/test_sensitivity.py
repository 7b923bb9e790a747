"""One client more or less changes the sum by at most C, whatever it says; the noise is what is claimed."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.objectives import NOTHING, ClientUpdates, Contribution, Mean, Propfair, Qffl, Tilted
from metafed.privacy.clipping import BELOW, CLIENTS, CLIP, cut
from metafed.privacy.noisy_sum import NoisySum
from metafed.privacy.shares import clipped
from tests.metafed.objectives.clients import RATES

SIZES = {"trunk": 3, "a": 2}
numbers = st.one_of(st.floats(-1e3, 1e3), st.floats(-1e30, 1e30), st.sampled_from([0.0, 1e-200, 1e150]))


@st.composite
def crowds(draw):
    count = draw(st.integers(1, 5))

    def table(size):
        rows = [draw(st.lists(numbers, min_size=size, max_size=size)) for _ in range(count)]
        return torch.tensor(rows, dtype=torch.float64)

    losses = draw(st.lists(st.one_of(st.floats(0, 10), st.floats(0, 1e6)), min_size=count, max_size=count))
    return ClientUpdates(
        torch.tensor(losses, dtype=torch.float64),
        torch.ones(count, dtype=torch.float64),
        {part: table(size) for part, size in SIZES.items()},
        list(range(count)),
        "a",
        ["x"] * count,
        [5] * count,
        RATES,
    )


def length(contribution):
    vectors = [np.asarray(v, np.float64) for v in contribution.directions.values()]
    return float(np.sqrt(sum(float(v @ v) for v in vectors)))


OBJECTIVES = [Mean(), Propfair(), Qffl(q=3), Qffl(q=200), Tilted(t=5), Tilted(t=-5), Tilted(t=1000)]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@given(crowds(), st.floats(1e-3, 1e3))
@settings(max_examples=60, deadline=None)
def test_adjacent_federations_differ_by_at_most_the_clip(objective, crowd, clip):
    ask, private = {CLIP: clip}, Experiment(objective=objective, dp_noise=1.0, dp_clip=1.0)
    whole = clipped(private, private.objective, crowd, ask)
    last = len(crowd.clients) - 1
    fewer = NOTHING if last == 0 else clipped(private, private.objective, cropped(crowd, last), ask)
    difference = Contribution(
        {p: v - fewer.directions.get(p, np.zeros_like(v)) for p, v in whole.directions.items()}, {}
    )
    assert np.isfinite(length(difference))
    # sums of n vectors of length C are rounded
    assert length(difference) <= clip * (1 + 1e-12 + 1e-15 * len(crowd.clients) ** 2)
    assert not whole.scales
    assert 0 <= whole.sums[BELOW] - fewer.sums.get(BELOW, 0.0) <= 1
    assert whole.sums[CLIENTS] - fewer.sums.get(CLIENTS, 0.0) == 1


def cropped(crowd, count):
    return crowd._replace(
        losses=crowd.losses[:count],
        weights=crowd.weights[:count],
        directions={part: rows[:count] for part, rows in crowd.directions.items()},
        clients=crowd.clients[:count],
        groups=crowd.groups[:count],
        rows=crowd.rows[:count],
    )


def test_what_is_short_is_not_changed_and_what_is_long_has_the_length_of_the_clip():
    one = Contribution({"trunk": np.array([3.0, 0.0]), "a": np.array([4.0])}, {"trunk": 1.0, "a": 1.0})
    np.testing.assert_array_equal(cut(one, 6.0).directions["trunk"], [3.0, 0.0])
    assert cut(one, 6.0).sums[BELOW] == 1
    half = cut(one, 2.5)
    assert half.sums[BELOW] == 0
    np.testing.assert_allclose(half.directions["trunk"], [1.5, 0.0], rtol=1e-11)
    np.testing.assert_allclose(half.directions["a"], [2.0], rtol=1e-11)
    # both parts together: 3 and 4 are 5 long, though each is shorter
    assert length(cut(one, 4.5)) == pytest.approx(4.5)
    scaled = Contribution(one.directions, one.weights, {"trunk": 800.0, "a": 800.0})
    np.testing.assert_allclose(cut(scaled, 2.5).directions["a"], [2.0], rtol=1e-11)
    tiny = Contribution(one.directions, one.weights, {"trunk": -800.0, "a": -800.0})
    assert cut(tiny, 2.5).sums[BELOW] == 1


def test_what_is_not_finite_is_no_share():
    with pytest.raises(ValueError, match="not finite"):
        cut(Contribution({"trunk": np.array([np.inf])}, {"trunk": 1.0}), 1.0)


def keeper(**changed):
    base = {"clients": 60, "cohort": 48, "unseen": 0.2, "dp_noise": 1.5, "dp_clip": 2.0, "width": 4}
    experiment = Experiment.model_validate({**base, **changed})
    return NoisySum(experiment, Federation(experiment).layout, Federation(experiment).holders)


def test_noise_has_the_deviation_that_is_accounted_for_and_denominators_depend_on_no_data():
    guard = keeper()
    # 48 seen clients, a third of each family: 16 hold a family's part on average, all the trunk
    assert guard.expected == {"trunk": 48.0, "personalization": 16.0, "assistant": 16.0, "avatar": 16.0}
    draws = {part: [] for part in guard.expected}
    for number in range(400):
        for part, direction in guard.release(NOTHING, number).items():
            draws[part].append(direction)
    for part, values in draws.items():
        scaled = np.concatenate(values) * guard.expected[part]
        assert scaled.std() == pytest.approx(1.5 * 2.0, rel=0.02)
        assert abs(scaled.mean()) < 5 * 3.0 / np.sqrt(len(scaled))


def test_an_empty_round_moves_every_part_and_costs_as_much_as_any():
    guard = keeper(sampling="poisson", cohort=5)
    found = guard.release(NOTHING, 1)
    assert set(found) == set(guard.layout.parts)
    assert all(np.abs(vector).min() > 0 for vector in found.values())
    assert guard.state["rounds"] == 1
    assert guard.notes()["epsilon"] > 0


def test_the_same_seed_gives_the_same_noise_and_the_system_another():
    first, again, other = keeper().release(NOTHING, 1), keeper().release(NOTHING, 1), keeper().release(NOTHING, 2)
    system = keeper(dp_random="system")
    np.testing.assert_array_equal(first["trunk"], again["trunk"])
    assert not np.array_equal(first["trunk"], other["trunk"])
    assert not np.array_equal(system.release(NOTHING, 1)["trunk"], system.release(NOTHING, 1)["trunk"])


def test_an_adaptive_clip_comes_to_its_quantile():
    guard = keeper(dp_quantile=0.5, dp_clip=None, clients=2500, cohort=2000, dp_clip_rate=0.2)
    lengths = np.linspace(1.0, 9.0, 2000)  # the median is 5
    found = []
    for number in range(120):
        clip = guard.state["clip"]
        below = float((lengths <= clip).sum())
        guard.release(Contribution({}, {}, sums={BELOW: below, CLIENTS: 2000.0}), number)
        found.append(clip)
    assert found[0] == 0.1
    assert np.mean(found[-30:]) == pytest.approx(5.0, rel=0.1)


def test_the_state_is_plain_and_goes_on_with_the_same_bits():
    guard, whole = keeper(dp_quantile=0.5), keeper(dp_quantile=0.5)
    total = Contribution({}, {}, sums={BELOW: 40.0, CLIENTS: 48.0})
    guard.release(total, 1)
    later = keeper(dp_quantile=0.5)
    later.state = json.loads(json.dumps(guard.state))
    whole.release(total, 1)
    np.testing.assert_array_equal(later.release(total, 2)["trunk"], whole.release(total, 2)["trunk"])
    assert later.notes() == whole.notes()
    assert later.state == whole.state
