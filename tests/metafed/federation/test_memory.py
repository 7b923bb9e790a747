"""What stays in memory: no more than there is room for, and most of a cohort that is a little larger."""

from hypothesis import given
from hypothesis import strategies as st

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.memory import Store


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), max_size=80))
def test_the_room_suffices_and_each_value_is_its_clients(asked):
    store, sizes = Store(100), {}
    for client, size in asked:
        found = store.get(client)
        assert found in (None, client)
        if found is None:
            sizes[client] = size
            store.put(client, client, size)
            assert store.get(client) == client
        stored = [each for each in sizes if store.get(each) is not None]
        assert len(stored) == len(store)
        assert sum(sizes[each] for each in stored) <= 100


def test_what_is_larger_than_the_room_is_not_stored_and_costs_nobody_a_place():
    store = Store(10)
    store.put(1, "one", 10)
    store.put(2, "two", 11)
    assert (store.get(1), store.get(2), len(store)) == ("one", None, 1)


def test_most_of_a_cohort_is_found_that_is_a_little_larger_than_the_room():
    store, found = Store(900), 0
    for number in range(20):
        for client in range(1000):
            if store.get(client) is None:
                store.put(client, client, 1)
            elif number >= 10:
                found += 1
    assert found > 7_500


def test_an_evaluation_episode_is_the_same_from_memory_and_drawn_again():
    population = Federation(Experiment(tasks="blobs,avatar", clients=8)).population
    (_, clients), *_ = population.roster.by_family(range(8))
    first = population.evaluation(clients)
    again, anew = population.evaluation(clients[::-1]), Federation(population.experiment).population.evaluation(clients)
    for one, other, third in zip(first.rows, again.rows[::-1], anew.rows, strict=True):
        assert one is other
        assert [part.tolist() for part in one] == [part.tolist() for part in third]
    assert first.episode.query.x.equal(anew.episode.query.x)
