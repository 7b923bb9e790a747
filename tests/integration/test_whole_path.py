"""Check 11: the federation computes the centralised meta-gradient; through host, message and strategy."""

import itertools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.parameters import part_of, spread
from metafed.federation.federation import Federation
from metafed.objectives import NOTHING, Contribution
from server.asking import record
from simulation.engines.grid import PoolGrid
from simulation.engines.local import LocalGrid
from tests.integration.pool import initial, run, strategy_of


def central_step(experiment):
    """θ after one round, without federation: one client at a time, plain autograd on a Python loop."""
    theta = {name: t.clone() for name, t in Federation(experiment).theta.items()}
    layout, population, nets = (
        Federation(experiment).layout,
        Federation(experiment).population,
        Federation(experiment).tasks,
    )
    gradients = {part: [] for part in layout.parts}
    for client in population.roster.cohort(1):
        family = population.roster.family(client)
        episode = population.training([client], 1).episode
        leaves = {n: t.clone().requires_grad_() for n, t in theta.items() if part_of(n) in ("trunk", family)}
        params = {n: t.unsqueeze(0) for n, t in leaves.items()}
        for _ in range(experiment.algorithm.inner_steps):
            loss = nets[family].loss(nets[family].predict(params, episode.support.x), episode.support)
            inner = torch.autograd.grad(loss.sum(), list(params.values()), create_graph=True)
            steps = zip(params.items(), inner, strict=True)
            params = {n: p - experiment.algorithm.inner_lr * g for (n, p), g in steps}
        loss = nets[family].loss(nets[family].predict(params, episode.query.x), episode.query).sum()
        own = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        for part, flat in layout.flatten(own, [p for p in layout.parts if p in ("trunk", family)]).items():
            gradients[part].append(flat.numpy())
    return {p: v - np.mean(gradients[p], axis=0) for p, v in initial(experiment).items()}


def test_a_federated_round_equals_the_centralised_step(small):
    federated, central = run(small, rounds=1), central_step(small)
    for part, vector in central.items():
        np.testing.assert_allclose(federated[part], vector, rtol=0, atol=1e-12)
        assert not np.array_equal(vector, initial(small)[part])


def test_the_step_is_second_order_on_the_whole_path(small):
    # the first-order direction is what a graph cut anywhere on the path would give
    experiment = small
    population, nets, layout = (
        Federation(experiment).population,
        Federation(experiment).tasks,
        Federation(experiment).layout,
    )
    client = population.roster.cohort(1)[0]
    family = population.roster.family(client)
    theta = {n: t for n, t in Federation(experiment).theta.items() if part_of(n) in ("trunk", family)}
    episode = population.training([client], 1).episode
    params = spread(theta, 1)
    *_, adapted = experiment.algorithm.adapt(nets[family], params, {}, episode.support, 5)
    loss = nets[family].loss(nets[family].predict(adapted, episode.query.x), episode.query).sum()
    first = dict(zip(adapted, torch.autograd.grad(loss, list(adapted.values())), strict=True))
    exact = experiment.algorithm.update(nets[family], theta, {}, episode, 1).directions
    flat = [layout.flatten(d, ["trunk"])["trunk"][0] for d in (first, exact)]
    assert float((flat[0] - flat[1]).norm() / flat[1].norm()) > 0.01


class Shuffled(PoolGrid):
    """Answers in a given order."""

    def __init__(self, inner, order):
        super().__init__()
        self.inner, self.order = inner, order

    def answer(self, messages, timeout):
        replies = self.inner.answer(messages, timeout)
        return [replies[i % len(replies)] for i in self.order if i < len(replies)]

    def close(self):
        self.inner.close()


def test_replies_in_any_order_give_the_same_bits(small):
    grid = LocalGrid(small.to_run_config())
    straight = run(small, grid)
    for order in (list(range(20))[::-1], [3, 1, 2, 0, *range(4, 20)]):
        shuffled = run(small, Shuffled(grid, order))
        assert all(np.array_equal(straight[part], shuffled[part]) for part in straight)


def test_uploaded_bytes_are_the_parameters_that_clients_hold(small):
    rounds = []
    run(small, observe=rounds.append)
    layout, roster = Federation(small).layout, strategy_of(small).roster
    expected = sum(8 * (layout.size("trunk") + layout.size(roster.family(c))) for c in roster.cohort(1))
    assert rounds[1].bytes_up == rounds[1].bytes_down == expected
    messages = strategy_of(small).configure_train(1, record(initial(small)), None, LocalGrid(small.to_run_config()))
    for message in messages:
        clients = message.content["ask"]["clients"]
        assert set(message.content["theta"]) == {"trunk", roster.family(clients[0])}


vectors = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2).map(np.array)
contributions = st.builds(
    lambda parts, vs, ws: Contribution(dict(zip(parts, vs, strict=False)), dict(zip(parts, ws, strict=False))),
    st.permutations(["trunk", "a", "b"]).map(lambda parts: parts[:2]),
    st.lists(vectors, min_size=2, max_size=2),
    st.lists(st.floats(0, 10), min_size=2, max_size=2),
)


def same(left, right):
    assert set(left.directions) == set(right.directions)
    for part, vector in left.directions.items():
        np.testing.assert_allclose(vector, right.directions[part], rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(left.weights[part], right.weights[part], rtol=1e-12)


@given(st.lists(contributions, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_contributions_are_a_commutative_monoid(items):
    total = sum(items, NOTHING)
    for order in itertools.permutations(items):
        same(sum(order, NOTHING), total)
    same(NOTHING + items[0], items[0])
    same(items[0] + NOTHING, items[0])
    split = sum(items[:1], NOTHING) + sum(items[1:], NOTHING)
    same(split, total)
