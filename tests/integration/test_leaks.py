"""Law 4, check 13: adaptation never sees the query set, evaluation never touches training draws, nothing flows back."""

import numpy as np
import pytest
import torch

from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.families import FAMILIES
from metafed.federation.federation import Federation
from metafed.federation.population import Population
from tests.integration.pool import initial, strategy_of

GENERATED = [name for name, family in FAMILIES.items() if "generated" in family.sources]


def population(family, clients=6):
    return Federation(Experiment(tasks=family, clients=clients, unseen=0.0)).population


@pytest.mark.parametrize("family", GENERATED)
def test_training_and_evaluation_draw_from_different_rows(family):
    people = population(family)
    evaluated = [set(map(int, np.concatenate(rows))) for rows in people.evaluation([0, 1, 2]).rows]
    for server_round in range(1, 30):
        for own, rows in zip(evaluated, people.training([0, 1, 2], server_round).rows, strict=True):
            assert not own & set(map(int, np.concatenate(rows)))


@pytest.mark.parametrize("family", GENERATED)
def test_support_and_query_are_disjoint(family):
    people = population(family)
    for draw in (people.evaluation([0, 1]), *(people.training([0, 1], r) for r in range(1, 10))):
        for rows in draw.rows:
            assert not set(map(int, rows.support)) & set(map(int, rows.query))
            assert len(rows.support)
            assert len(rows.query)


def test_an_episode_is_new_in_every_round_and_the_same_for_whoever_asks():
    first, again = population("avatar"), population("avatar")
    again.training([3, 4], 9)
    left, right = first.training([0, 1], 2).episode, again.training([1], 2).episode
    assert torch.equal(left.support.x[1], right.support.x[0])
    assert not torch.equal(left.support.x, first.training([0, 1], 3).episode.support.x)


class Watched:
    """Notes what an algorithm is given to adapt on."""

    def __init__(self, algorithm):
        self.inner, self.supports = algorithm, []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def adapt(self, task, start, state, support, steps):
        self.supports.append(support)
        return self.inner.adapt(task, start, state, support, steps)


def test_evaluation_adapts_on_the_support_set_alone(small):
    host = Host(Federation(small))
    watched = Watched(small.algorithm)
    host.algorithms = dict.fromkeys(host.roster.families, watched)
    host.evaluate(initial(small), [0, 3, 6], {})
    assert watched.supports
    for support in watched.supports:
        drawn = [host.population.evaluation(chunk).episode for _, chunk in host.federation.chunks([0, 3, 6])]
        assert any(s.support.x.shape == support.x.shape and torch.equal(s.support.x, support.x) for s in drawn)


def test_shuffled_query_labels_bring_the_score_down_to_chance(monkeypatch):
    experiment = Experiment(tasks="assistant", clients=40, unseen=0.0, rounds=1, chunk=40)
    honest = Population.evaluation

    def shuffled(self, clients):
        draw = honest(self, clients)
        query = draw.episode.query
        order = torch.randint(0, 5, query.y.shape, generator=torch.Generator().manual_seed(0))
        return draw._replace(episode=draw.episode._replace(query=query._replace(y=order)))

    def after():
        answer = Host(Federation(experiment)).evaluate(initial(experiment), range(40), {})
        return float(np.mean([rows.score[:, -1].mean() for rows in answer.rows]))

    assert after() > 0.4
    monkeypatch.setattr(Population, "evaluation", shuffled)
    assert after() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("name", ["maml", "ditto", "fedrep"])
def test_evaluation_changes_neither_theta_nor_any_state(small, name):
    experiment = Experiment.model_validate({**small.model_dump(), "algorithm": name})
    host, theta, states = Host(Federation(experiment)), initial(experiment), {}
    host.train(theta, range(6), 1, states)
    before = ({p: v.copy() for p, v in theta.items()}, {c: s.copy() for c, s in states.items()})
    first = host.evaluate(theta, range(6), states)
    again = host.evaluate(theta, range(6), states)
    assert all(np.array_equal(theta[p], v) for p, v in before[0].items())
    assert set(states) == set(before[1]) == (set(range(6)) if name != "maml" else set())
    assert all(np.array_equal(states[c], s) for c, s in before[1].items())
    for left, right in zip(first.rows, again.rows, strict=True):
        assert np.array_equal(left.score, right.score)


def test_unseen_clients_are_never_in_a_cohort(small):
    roster = strategy_of(small).roster
    for server_round in range(1, 200):
        assert max(roster.cohort(server_round)) < roster.seen == 8
