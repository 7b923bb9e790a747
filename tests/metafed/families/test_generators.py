import tracemalloc

import numpy as np
import pytest

from metafed.core.episodes import MINIMUM, draw, halves
from metafed.core.streams import stream
from metafed.data.source import GENERATED, Origin
from metafed.families import FAMILIES

NAMES = ("personalization", "assistant", "avatar", "environment", "assets", "social")


def source(family, seed=0):
    return FAMILIES[family].sources[GENERATED](Origin(seed, ()))


@pytest.mark.parametrize("family", NAMES)
class TestEveryGenerator:
    def test_same_seed_same_bits_whatever_was_asked_before(self, family):
        first, second = source(family), source(family)
        for client in (0, 1, 2, 77):
            first.examples(client)
        for client in (77, 2):
            one, other = first.examples(client), second.examples(client)
            assert one.x.tobytes() == other.x.tobytes()
            assert one.y.tobytes() == other.y.tobytes()
            assert one.oracle_score.tobytes() == other.oracle_score.tobytes()
            assert one.group == other.group

    def test_clients_and_seeds_differ(self, family):
        made = [source(family, seed) for seed in (0, 1)]
        all_rows = {each.examples(client).x.tobytes() for each in made for client in range(20)}
        assert len(all_rows) == 40

    def test_shapes_kinds_and_scale(self, family):
        made = source(family)
        for client in range(30):
            own = made.examples(client)
            n = len(own.y)
            assert own.x.shape == (n, made.features)
            assert own.x.dtype == np.float32
            assert own.oracle_score.shape == (n,)
            assert np.isfinite(own.x).all()
            assert np.isfinite(own.oracle_score).all()
            assert 0.25 < own.x.std() < 2.5
            if FAMILIES[family].kind == "classification":
                assert own.y.dtype.kind == "i"
                assert set(own.y) <= set(range(made.outputs))
                assert ((own.oracle_score >= 1 / made.outputs) & (own.oracle_score <= 1)).all()
            else:
                assert own.y.shape == (n, made.outputs)

    def test_sizes_are_unequal_and_groups_several(self, family):
        made = source(family)
        clients = [made.examples(client) for client in range(60)]
        sizes = np.array([len(own.y) for own in clients])
        assert sizes.max() > 4 * sizes.min()
        assert sizes.std() > 0.3 * sizes.mean()
        groups = [own.group for own in clients]
        assert len(set(groups)) >= 2
        again = source(family)
        assert groups[::-1] == [again.examples(client).group for client in reversed(range(60))]

    def test_the_four_sets_of_a_client_are_disjoint(self, family):
        made, shots = source(family), FAMILIES[family].shots
        for client in range(60):
            own = made.examples(client)
            training, evaluation = halves(own, shots, stream(0, "halves", client))
            assert sorted([*training, *evaluation]) == list(range(len(own.y)))
            sets = [*draw(own, training, shots, shots.query, stream(0, "e", client))]
            sets += draw(own, evaluation, shots, shots.evaluation, stream(0, "v", client))
            assert all(len(rows) for rows in sets)
            assert len(np.unique(np.concatenate(sets))) == sum(map(len, sets))

    def test_a_million_clients_cost_nothing_until_asked_for(self, family):
        source(family).examples(0)  # imports
        tracemalloc.start()
        made = source(family)
        assert made.clients is None
        idle = tracemalloc.get_traced_memory()[1]
        made.examples(10**6 - 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert idle < 20_000
        assert peak < 50_000_000


def test_a_users_intents_have_unequal_numbers_of_utterances_and_enough():
    made = source("assistant")
    counts = [np.bincount(made.examples(client).y, minlength=5) for client in range(40)]
    assert min(map(min, counts)) >= MINIMUM
    assert all(len(set(c)) > 1 for c in counts)


def test_every_camp_of_taste_is_in_every_small_sample():
    made = source("personalization")
    for first in (0, 4, 400):
        tastes = np.array([made.person(client).taste for client in range(first, first + 4)])
        nearest = (tastes @ made.catalogue.camps.T).argmax(1)
        assert sorted(nearest) == [0, 1, 2, 3]


def test_some_people_like_nearly_all_and_some_little():
    made = source("personalization")
    rates = np.array([made.examples(client).y.mean() for client in range(200)])
    assert rates.min() < 0.35
    assert rates.max() > 0.65
    assert 0.45 < rates.mean() < 0.55
