"""--mix: families in proportion, by arithmetic; without it the deal is as it was."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.errors import DataError
from metafed.experiment.choices import parse_mix
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.federation.proportions import deal

FAMILIES = ("personalization", "assistant", "avatar", "sinusoid")
shares = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


def mixed(numbers):
    return ",".join(f"{name}={number}" for name, number in zip(FAMILIES, numbers, strict=False))


@st.composite
def rosters(draw):
    numbers = draw(shares)
    return Federation(
        Experiment(
            clients=draw(st.integers(2, 300)),
            tasks=",".join(FAMILIES[: len(numbers)]),
            mix=mixed(numbers),
            unseen=draw(st.floats(0, 0.9)),
        )
    ).roster


@given(rosters())
@settings(deadline=None, max_examples=60)
def test_every_task_numbers_its_clients_from_0_in_ascending_order_without_a_gap(roster):
    numbers = {}
    for client in range(roster.experiment.clients):
        task, number = roster.place(client)
        assert number == numbers.get(task, 0)
        numbers[task] = number + 1
    assert [numbers.get(task, 0) for task in range(len(roster.families))] == roster.members(roster.experiment.clients)


@given(rosters())
@settings(deadline=None, max_examples=60)
def test_a_source_is_told_the_first_of_its_unseen_clients(roster):
    boundary = roster.members(roster.seen)
    for client in range(roster.experiment.clients):
        task, number = roster.place(client)
        assert (number < boundary[task]) == (client < roster.seen)


@given(rosters(), st.lists(st.integers(0, 10**6), max_size=40))
@settings(deadline=None, max_examples=60)
def test_many_clients_have_at_once_the_families_that_they_have_one_by_one(roster, clients):
    one_by_one = {}
    for client in clients:
        one_by_one.setdefault(roster.place(client).task, []).append(client)
    assert roster.by_family(clients) == [(roster.families[task], one_by_one[task]) for task in sorted(one_by_one)]


@given(shares, st.integers(0, 10**6))
def test_every_block_has_the_proportions_exactly(numbers, block):
    dealt = deal(numbers)
    size = sum(numbers)
    tasks = Counter(dealt.place(client).task for client in range(block * size, (block + 1) * size))
    assert [tasks[task] for task in range(len(numbers))] == list(numbers)


@given(shares)
def test_no_stretch_of_a_block_is_far_from_the_proportions(numbers):
    cycle, size = np.array(deal(numbers).cycle), sum(numbers)
    for task, share in enumerate(numbers):
        ahead = np.cumsum(cycle == task) - np.arange(1, size + 1) * share / size
        assert abs(ahead).max() < len(numbers)


@pytest.mark.parametrize("tasks", [1, 2, 3, 4])
def test_equal_proportions_are_the_deal_without_any(tasks):
    names = FAMILIES[:tasks]
    plain = Federation(Experiment(clients=500, tasks=",".join(names))).roster
    equal = Federation(
        Experiment(clients=500, tasks=",".join(names), mix=",".join(f"{name}=2" for name in names))
    ).roster
    for client in range(500):
        # the rule of the first version: one family further from block to block
        block, turn = divmod(client, tasks)
        assert plain.place(client) == equal.place(client) == ((turn + block) % tasks, block)


@pytest.mark.parametrize("hosts", [2, 3, 4, 5, 8, 10, 16, 20, 64, 100])
@pytest.mark.parametrize("numbers", [(3, 1), (7, 2, 1), (1, 1, 2)])
def test_a_host_of_every_p_th_client_has_all_families_in_about_their_proportions(hosts, numbers):
    roster = Federation(
        Experiment(clients=hosts * 400, tasks=",".join(FAMILIES[: len(numbers)]), mix=mixed(numbers))
    ).roster
    for share in range(hosts):
        found = Counter(roster.place(client).task for client in range(share, hosts * 400, hosts))
        for task, number in enumerate(numbers):
            wanted = number / sum(numbers)
            # five standard deviations of a draw at random
            assert abs(found[task] / 400 - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / 400)


def test_memory_does_not_grow_with_a_million_clients():
    roster = Federation(Experiment(clients=10**6, mix="avatar=4")).roster
    roster.place(0)
    tracemalloc.start()
    for client in range(0, 10**6, 31):
        roster.place(client)
    assert sum(roster.members(10**6)) == 10**6
    # 32,000 were asked for, and about 4,000 are remembered
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_unnamed_families_count_once_and_numbers_are_shortened():
    assert parse_mix("b=6,a=3", ("a", "b")) == (1, 2)
    assert parse_mix("b=6", ("a", "b", "c")) == (1, 6, 1)
    assert parse_mix(None, ("a", "b")) == parse_mix("", ("a", "b")) == (1, 1)


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ("personalisation=3", ["--mix personalisation=3", "did you mean 'personalization'", "assistant, avatar"]),
        ("3,1,1", ["--mix 3", "--tasks"]),
        ("avatar=0", ["--mix avatar=0", "from 1 to 1000"]),
        ("avatar=-1", ["--mix avatar=-1", "whole number"]),
        ("avatar=1.5", ["--mix avatar=1.5", "whole number"]),
        ("avatar", ["--mix avatar", "avatar=3"]),
        ("avatar=1001", ["--mix avatar=1001", "1000"]),
        ("avatar=2,avatar=2", ["--mix avatar=2,avatar=2", "twice"]),
    ],
)
def test_a_mix_that_cannot_be_says_why(mix, words):
    with pytest.raises(ValueError, match="--mix") as caught:
        Experiment(mix=mix)
    for word in words:
        assert word in str(caught.value)


def test_the_clients_that_a_data_set_must_have_follow_the_mix(shared_data):
    def population(clients, mix):
        tasks = "avatar:bandai_motion,sinusoid"
        return Federation(Experiment(clients=clients, tasks=tasks, mix=mix, data_dir=str(shared_data)))

    assert population(86, None).sources[0].clients == 43
    preflight(population(86, None))
    preflight(population(172, "sinusoid=3"))
    with pytest.raises(DataError, match=r"--clients 172 asks for 129 clients .* has 43; choose at most 56, or .*--mix"):
        preflight(population(172, "avatar=3"))
    preflight(population(56, "avatar=3"))


def test_it_travels_as_run_config():
    experiment = Experiment(mix="avatar=3,assistant=2")
    assert Experiment.from_run_config(experiment.to_run_config()) == experiment
    assert experiment.proportions == (1, 2, 3)
