"""Laws of the samplers: whom they may ask, and how often they ask each, by exact probabilities and fixed seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, norm

from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.sampling import SAMPLERS, Availability, Data, Poisson, PowerOfChoice, Scene, Uniform
from metafed.sampling.data import proportional

DRAWS = 2000


def times_asked(sampler, scene, draws=DRAWS):
    """How often each client is asked in ``draws`` rounds."""
    counts = np.zeros(scene.seen)
    for server_round in range(draws):
        counts[sampler.cohort(scene, stream(0, "cohort", server_round))] += 1
    return counts


@st.composite
def scenes(draw):
    seen = draw(st.integers(1, 40))
    size = draw(st.integers(1, seen))
    rows = draw(st.lists(st.integers(1, 1000), min_size=seen, max_size=seen))
    losses = draw(st.dictionaries(st.integers(0, seen - 1), st.floats(0, 10)))
    there = draw(st.sets(st.integers(0, seen - 1)))
    return Scene(seen, size, rows, losses, there.__contains__), there


@given(scenes(), st.sampled_from(sorted(SAMPLERS)), st.integers(0, 99))
@settings(deadline=None)
def test_a_cohort_has_seen_clients_once_each_in_order_and_follows_from_the_stream(drawn, name, server_round):
    scene, there = drawn
    sampler = SAMPLERS[name]()
    cohort, again = (sampler.cohort(scene, stream(1, "cohort", server_round)) for _ in range(2))
    assert cohort == again == sorted(set(cohort))
    assert all(type(client) is int and 0 <= client < scene.seen for client in cohort)
    if name == "availability":
        assert set(cohort) <= there
        assert len(cohort) == min(scene.size, len(there))
    elif name != "poisson":
        assert len(cohort) == scene.size


def test_uniform_asks_all_clients_alike():
    counts = times_asked(Uniform(), Scene(20, 5))
    assert counts.sum() == 5 * DRAWS
    # without replacement counts vary less than a multinomial's, by the factor (1 - size / seen) · seen / (seen - 1)
    assert chisquare(counts).statistic / (0.75 * 20 / 19) < 36.2  # 99 % point of chi-square with 19 degrees


def test_uniform_draws_what_runs_before_this_setting_drew():
    roster = Federation(Experiment(clients=30, cohort=6)).roster
    rng = stream(0, "cohort", 4)
    assert roster.cohort(4) == sorted(rng.choice(24, 6, replace=False).tolist())


def test_poisson_asks_each_client_by_itself():
    seen, size = 12, 3
    asked = np.zeros((DRAWS, seen))
    for server_round in range(DRAWS):
        asked[server_round, Poisson().cohort(Scene(seen, size), stream(0, "cohort", server_round))] = 1
    assert Poisson().probability(seen, size) == 0.25
    counts = asked.sum(0)
    assert np.abs((counts - DRAWS / 4) / np.sqrt(DRAWS * 3 / 16)).max() < norm.ppf(1 - 0.005 / seen)
    # independence: cohort sizes are binomial, and no two clients are correlated
    sizes = np.bincount(asked.sum(1).astype(int), minlength=9)[:9]
    from scipy.stats import binom

    expected = binom.pmf(np.arange(9), seen, 0.25) * DRAWS
    assert (
        chisquare(np.append(sizes[:8], DRAWS - sizes[:8].sum()), np.append(expected[:8], DRAWS - expected[:8].sum()))[1]
        > 0.005
    )
    off = np.corrcoef(asked.T)[np.triu_indices(seen, 1)]
    assert np.abs(off).max() < norm.ppf(1 - 0.005 / len(off)) / np.sqrt(DRAWS)
    assert sizes[0] > 0  # an empty round is a round


def test_poisson_with_the_whole_federation_asks_everyone():
    assert Poisson().cohort(Scene(7, 7), stream(0, "cohort", 1)) == list(range(7))


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=30), st.data())
@settings(deadline=None)
def test_probabilities_by_rows_add_up_to_the_cohort_and_are_proportional_below_one(rows, data):
    size = data.draw(st.integers(1, len(rows)))
    chances = proportional(np.array(rows, float), size)
    assert chances.sum() == pytest.approx(size)
    assert chances.min() > 0
    assert chances.max() <= 1 + 1e-12
    below = chances < 1 - 1e-12
    if below.any():
        each = chances[below] / np.array(rows)[below]
        np.testing.assert_allclose(each, each[0])
        # who is certain would else have more than certainty
        assert (np.array(rows)[~below] * each[0] >= 1 - 1e-9).all()


def test_data_asks_each_client_exactly_as_often_as_its_rows_say():
    rows = [1, 2, 3, 4, 5, 6, 7, 8, 64]
    counts = times_asked(Data(), Scene(9, 3, rows=rows))
    chances = proportional(np.array(rows, float), 3)
    assert chances[-1] == 1
    assert counts[-1] == DRAWS
    np.testing.assert_allclose(chances[:-1], 2 * np.array(rows[:-1]) / 36)
    spread = np.sqrt(DRAWS * chances[:-1] * (1 - chances[:-1]))
    assert np.abs((counts[:-1] - DRAWS * chances[:-1]) / spread).max() < norm.ppf(1 - 0.005 / 8)


def test_availability_asks_those_alike_that_are_online():
    counts = times_asked(Availability(), Scene(20, 3, online=lambda client: client % 2 == 0))
    assert not counts[1::2].any()
    assert chisquare(counts[::2]).pvalue > 0.005


def test_power_of_choice_with_all_as_candidates_takes_the_largest_losses():
    scene = Scene(6, 2, losses={0: 0.1, 1: 5.0, 2: 0.2, 3: 4.0, 4: 4.5, 5: 0.0})
    for server_round in range(5):
        assert PowerOfChoice(candidates=6).cohort(scene, stream(0, "cohort", server_round)) == [1, 4]


def test_power_of_choice_takes_first_who_never_reported():
    scene = Scene(5, 2, losses={0: 9.0, 1: 9.0, 3: 9.0})
    assert PowerOfChoice(candidates=5).cohort(scene, stream(0, "cohort", 1)) == [2, 4]


def test_power_of_choice_among_as_many_candidates_as_it_asks_is_uniform():
    scene = Scene(20, 5, losses=dict.fromkeys(range(20), 1.0))
    few, all_alike = PowerOfChoice(candidates=5), Uniform()
    for server_round in range(50):
        rng = [stream(0, "cohort", server_round) for _ in range(2)]
        assert few.cohort(scene, rng[0]) == all_alike.cohort(scene, rng[1])


def test_power_of_choice_asks_by_rank_as_its_candidates_are_drawn():
    """With d of n candidates and one asked, rank r is asked with probability C(n - r, d - 1) / C(n, d)."""
    from math import comb

    scene = Scene(8, 1, losses={client: float(client) for client in range(8)})
    counts = times_asked(PowerOfChoice(candidates=3), scene)
    expected = np.array([comb(client, 2) / comb(8, 3) for client in range(8)]) * DRAWS
    assert not counts[:2].any()
    assert chisquare(counts[2:], expected[2:]).pvalue > 0.005
