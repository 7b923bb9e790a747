"""What a client is dealt: all of its rows in every epoch, whoever is in its chunk."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from metafed.algorithms import ALGORITHMS, Fedavg
from metafed.algorithms.local_training import all_rows
from metafed.core.episodes import Batch, Episode
from metafed.training.batches import Dealt
from metafed.training.settings import ClientTraining, FineTuning, Length
from tests.metafed.algorithms.clients import begin, path, pick, same
from tests.metafed.models.problems import one
from tests.metafed.training.loops import clients_of, plan

EPOCHS = Length(3, epochs=True)


def rows_taken(counts, size, numbers, unit, length):
    """Return the rows of each batch that each client takes, by its number; its rows hold their own number."""
    longest = max(counts)
    mask = (torch.arange(longest) < torch.tensor(counts)[:, None]).double()
    x = torch.arange(longest).expand(len(counts), longest).double().unsqueeze(-1)
    dealt = Dealt(Batch(x, x[..., 0], mask), plan(ClientTraining(batch_size=size), numbers))
    found = {number: [] for number in numbers}
    for count, batch in dealt.unit(unit, length):
        for position, number in enumerate(np.array(numbers)[dealt.places[:count]].tolist()):
            found[number].append(batch.x[position, batch.mask[position] > 0, 0].int().tolist())
    return found


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    size=st.integers(1, 50),
    epoch=st.integers(0, 2),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_an_epoch_has_every_row_once_and_only_its_last_batch_is_short(counts, size, epoch):
    numbers = [7 * i + 1 for i in range(len(counts))]
    found = rows_taken(counts, size, numbers, epoch, EPOCHS)
    for number, count in zip(numbers, counts, strict=True):
        batches = found[number]
        assert sorted(row for batch in batches for row in batch) == list(range(count))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        assert found[number] == rows_taken([count], size, [number], epoch, EPOCHS)[number]


def test_steps_go_through_the_same_batches_as_epochs():
    counts, numbers = [7, 23, 1], [4, 0, 9]
    by_epoch = [rows_taken(counts, 5, numbers, epoch, EPOCHS) for epoch in range(3)]
    for step in range(9):
        taken = rows_taken(counts, 5, numbers, step, Length(9, epochs=False))
        for number, count in zip(numbers, counts, strict=True):
            epoch, index = divmod(step, -(-count // 5))
            if epoch < 3:
                assert taken[number] == [by_epoch[epoch][number][index]]


def test_epochs_rounds_and_starts_deal_anew():
    dealt = [rows_taken([40], 40, [0], epoch, EPOCHS)[0] for epoch in range(3)]
    assert len({tuple(batches[0]) for batches in dealt}) == 3


USERS = [name for name, kind in ALGORITHMS.items() if kind().uses("local")]
SETTINGS = {"epochs": 2, "batch_size": 4, "optimizer": "adam", "weight_decay": 0.01, "clip": 0.5, "rows": "all"}


@pytest.mark.parametrize("name", USERS)
def test_a_chunk_equals_a_loop_over_its_clients(name):
    algorithm, sizes = ALGORITHMS[name](), (7, 90, 2, 10)
    settings = ClientTraining(**{key: value for key, value in SETTINGS.items() if key in algorithm.uses("local")})
    task, theta, episode = clients_of(sizes)
    shared, state = begin(algorithm, theta, len(sizes))
    together = algorithm.update(task, shared, state, episode, 2, plan(settings, range(4)))
    for client in range(4):
        alone = algorithm.update(task, shared, pick(state, client), one(episode, client), 2, plan(settings, [client]))
        same(pick(together.directions, client), alone.directions)
        same(pick(together.state, client), alone.state)


def test_a_client_keeps_its_bits_in_any_company():
    task, theta, episode = clients_of((7, 90, 10, 31))
    settings = plan(ClientTraining(epochs=3, batch_size=4, optimizer="adam"), range(4))
    together = Fedavg().update(task, theta, {}, episode, 2, settings).directions
    for client in range(4):
        alone = Fedavg().update(
            task,
            theta,
            {},
            one(episode, client),
            2,
            plan(ClientTraining(epochs=3, batch_size=4, optimizer="adam"), [client]),
        )
        same(pick(together, client), alone.directions, 0)


def test_one_full_batch_step_by_a_plan_is_one_without():
    task, theta, episode = clients_of((7, 23, 10))
    left = Fedavg(inner_steps=1).update(task, theta, {}, episode, 2, plan(ClientTraining(epochs=1), range(3)))
    same(left.directions, Fedavg(inner_steps=1).update(task, theta, {}, episode, 2).directions)


@pytest.mark.parametrize("name", [name for name, kind in ALGORITHMS.items() if kind().uses("eval")])
def test_plain_full_batch_steps_by_a_plan_are_those_without(name):
    algorithm = ALGORITHMS[name]()
    task, theta, episode = clients_of((8, 24, 12))
    shared, state = begin(algorithm, theta, 3)
    rows = all_rows(Episode(episode.support, episode.query))
    expected = path(algorithm, task, shared, state, rows, 2)
    start = {n: t.expand(3, *t.shape) for n, t in shared.items()}
    found = algorithm.adapt(task, start, state, rows, 2, plan(FineTuning(), range(3)))
    for mine, theirs in zip(found, expected, strict=True):
        same({n: t.detach() for n, t in mine.items()}, theirs)
