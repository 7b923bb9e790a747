"""Rows dealt to clients: every definition has what its paper says of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.episodes import MINIMUM
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.table.partitions import SAYS, deal
from tests.metafed.data.table.own import describe, everyone, rows, source

labels = st.lists(st.integers(0, 4), min_size=80, max_size=300).map(np.array)


def dealt(how, target, clients, alpha=None, shards=None, seed=0):
    return deal(how, target, clients, alpha, shards, stream(seed, "tests/deal"))


@settings(deadline=None)
@given(labels, st.sampled_from(sorted(SAYS)), st.integers(1, 20), st.floats(0.001, 100), st.integers(0, 99))
def test_no_row_is_dealt_twice_and_everybody_has_enough(target, how, clients, alpha, seed):
    parts = dealt(how, target, clients, alpha, 2, seed)
    every = np.concatenate(parts)
    assert len(parts) == clients
    assert len(set(every.tolist())) == len(every) <= len(target)
    assert min(map(len, parts)) >= MINIMUM
    left = len(target) - len(every)
    assert left == (0 if how == "quantity" else len(target) % (clients * (2 if how == "shards" else 1)))
    if how != "quantity":
        assert len({len(part) for part in parts}) == 1


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(sorted(SAYS)), st.integers(0, 99))
def test_it_is_a_function_of_the_seed(how, seed):
    target = np.arange(200) % 5
    one, same, other = (dealt(how, target, 10, 0.5, 2, s) for s in (seed, seed, seed + 1))
    assert all(np.array_equal(left, right) for left, right in zip(one, same, strict=True))
    assert any(not np.array_equal(left, right) for left, right in zip(one, other, strict=True))


def shares(parts, target, classes):
    counts = np.array([np.bincount(target[part], minlength=classes) for part in parts])
    return counts / counts.sum(1, keepdims=True)


@pytest.mark.parametrize("alpha", [0.5, 2.0, 20.0])
def test_dirichlet_shares_of_classes_have_the_moments_of_hsu_et_al(alpha):
    target = stream(0, "tests/labels").choice(3, 12_000, p=[0.5, 0.3, 0.2])
    prior = np.bincount(target) / len(target)
    # of the first client: no class has run out yet
    first = np.stack(
        [shares(dealt("dirichlet", target, 20, alpha, seed=seed)[:1], target, 3)[0] for seed in range(150)]
    )
    # q ~ Dir(alpha p): mean p, variance p (1 − p) / (alpha + 1); 600 draws from q add q (1 − q) / 600 at most
    error = np.sqrt(prior * (1 - prior) / (alpha + 1) / 150)
    assert (np.abs(first.mean(0) - prior) < 4 * error).all()
    np.testing.assert_allclose(first.var(0), prior * (1 - prior) / (alpha + 1), rtol=0.45)


def test_a_large_alpha_gives_everybody_the_shares_of_all_and_a_small_one_a_class_each():
    target = np.repeat(np.arange(4), 1000)
    even = shares(dealt("dirichlet", target, 20, 1e6), target, 4)
    # the last one gets what is left
    assert np.abs(even[:-1] - 0.25).max() < 0.12
    single = shares(dealt("dirichlet", target, 20, 1e-3), target, 4)
    assert np.median(single.max(1)) > 0.99


def test_a_client_of_two_shards_has_few_classes():
    target = stream(0, "tests/labels").permutation(np.repeat(np.arange(10), 60))
    parts = dealt("shards", target, 30, shards=2)
    # 60 shards of 10 rows, six to a class: each shard has one class
    assert all(len(set(target[part].tolist())) <= 2 for part in parts)
    assert {len(part) for part in parts} == {20}
    more = dealt("shards", target, 30, shards=5)
    assert np.mean([len(set(target[part].tolist())) for part in more]) > 3


def test_shards_of_a_real_target_are_stretches_of_it():
    target = stream(0, "tests/real").standard_normal(400)
    for part in dealt("shards", target, 20, shards=1):
        ranks = np.searchsorted(np.sort(target), np.sort(target[part]))
        assert ranks.max() - ranks.min() == len(part) - 1


def test_quantities_are_uneven_with_a_small_alpha_and_even_with_a_large_one():
    target = np.zeros(10_000)
    small, large = ([len(part) for part in dealt("quantity", target, 50, alpha)] for alpha in (0.1, 1e5))
    assert max(small) > 1500
    assert sorted(small)[10] < 20
    assert max(large) - min(large) < 20
    assert sum(small) == sum(large) == 10_000


def test_iid_clients_have_the_shares_of_all():
    target = stream(0, "tests/labels").permutation(np.repeat(np.arange(4), 1000))
    assert np.abs(shares(dealt("iid", target, 20), target, 4) - 0.25).max() < 0.12


@pytest.mark.parametrize("how", sorted(SAYS))
def test_too_many_clients_are_told_how_many_there_may_be(how):
    with pytest.raises(ValueError, match="30 rows are too few for 8 clients of 4 rows at least: at most 7 clients"):
        dealt(how, np.arange(30) % 3, 8, 1.0, 2)


def partitioned(folder, how, more="", target="stars", clients=10):
    lines = ['data = "people.csv"', f'target = "{target}"', 'features = ["age", "genre"]', f'partition = "{how}"']
    text = "\n".join([*lines, f"clients = {clients}", more])
    return describe(folder, text, rows(20), name=f"{how}.toml")


class TestOfATable:
    @pytest.mark.parametrize(
        ("how", "more", "said"),
        [
            ("dirichlet", "alpha = 0.3\n", "Hsu et al. 2019), alpha 0.3, seed 4"),
            ("shards", "", "McMahan et al. 2017), 2 a client, seed 4"),
            ("quantity", "alpha = 0.5\n", "Li et al. 2022), alpha 0.5, seed 4"),
            ("iid", "", "McMahan et al. 2017), seed 4"),
        ],
    )
    def test_the_notes_say_which_and_the_experiments_seed_decides(self, tmp_path, how, more, said):
        path = partitioned(tmp_path, how, more)
        made = source(path, seed=4)
        assert made.clients == 10
        assert any("artificial clients" in note and said in note for note in made.notes)
        one, same, other = (everyone(source(path, seed)) for seed in (4, 4, 5))
        assert all(np.array_equal(one[name].x, same[name].x) for name in one)
        assert any(not np.array_equal(one[name].x, other[name].x) for name in one)

    def test_dirichlet_needs_classes(self, tmp_path):
        with pytest.raises(DataError, match='"dirichlet" goes by classes, but the target is a number'):
            _ = source(partitioned(tmp_path, "dirichlet", "alpha = 1\n", target="minutes")).clients

    def test_more_clients_than_rows(self, tmp_path):
        with pytest.raises(DataError, match=r"rows are too few for 1,000 clients .* at most \d+ clients can be made"):
            _ = source(partitioned(tmp_path, "iid", clients=1000)).clients

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ('client = "person"\n', "not both"),
            ("shards = 3\n", 'shards does nothing without partition = "shards"'),
            ("", "needs its concentration: alpha"),
            ('alpha = 1\ngroup = "headset"\n', "group needs clients of the data's own"),
            ("alpha = 0\n", "alpha = 0: input should be greater than 0"),
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, tmp_path, more, said):
        with pytest.raises(DataError, match=said):
            source(partitioned(tmp_path, "dirichlet", more))
