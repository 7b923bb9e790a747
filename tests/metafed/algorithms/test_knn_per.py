"""kNN-Per against its equations written out row by row."""

import math

import pytest
import torch

from metafed.algorithms import Fedavg, KnnPer
from tests.metafed.algorithms.clients import path, ragged, same
from tests.metafed.models.problems import network

NEIGHBOURS = 3


def vote_by_hand(point, points, labels, classes):
    """Return the vote of the nearest rows for one row, in plain Python."""
    near = sorted((math.dist(point, other), label) for other, label in zip(points, labels, strict=True))[:NEIGHBOURS]
    weights = [0.0] * classes
    for away, label in near:
        weights[label] += math.exp(-away)
    return [w / sum(weights) for w in weights]


def test_the_prediction_is_the_mixture_of_the_equations_with_the_share_of_the_largest_likelihood():
    task, theta, episode = network()
    episode = ragged(episode)
    algorithm = KnnPer(neighbours=NEIGHBOURS)
    first, last = path(algorithm, task, theta, {}, episode.support, 1)
    predicting = algorithm.predictor(task)
    plain, found = (predicting.predict(p, episode.query.x, episode.query.mask).exp() for p in (first, last))
    whole = {n: t.expand(3, *t.shape) for n, t in theta.items()}
    embed = [task.model.embed(whole, batch.x) for batch in episode]
    own = [task.predict(whole, batch.x).softmax(-1) for batch in episode]
    torch.testing.assert_close(plain, own[1], rtol=1e-12, atol=1e-14)
    for k in range(3):
        n = int(episode.support.mask[k].sum())
        points, labels = embed[0][k, :n].tolist(), episode.support.y[k, :n].tolist()

        def likelihood(share, k=k, n=n, points=points, labels=labels):
            total = 0.0
            for i in range(n):
                others = [j for j in range(n) if j != i]
                vote = vote_by_hand(points[i], [points[j] for j in others], [labels[j] for j in others], 3)
                total += math.log((1 - share) * float(own[0][k, i, labels[i]]) + share * vote[labels[i]])
            return total

        share = max((number / 10 for number in range(10)), key=likelihood)
        assert float(last["memory.share"][k]) == pytest.approx(share)
        for i in range(int(episode.query.mask[k].sum())):
            vote = torch.tensor(vote_by_hand(embed[1][k, i].tolist(), points, labels, 3), dtype=torch.float64)
            expected = (1 - share) * own[1][k, i] + share * vote
            torch.testing.assert_close(found[k, i], expected, rtol=1e-10, atol=1e-12)


def test_it_trains_as_fedavg_and_is_evaluated_in_one_step():
    task, theta, episode = network()
    left, right = (kind().update(task, theta, {}, ragged(episode), 1) for kind in (KnnPer, Fedavg))
    same(left.directions, right.directions, 0)
    assert left.weights.tolist() == right.weights.tolist()
    assert KnnPer().evaluation_steps == 1
    assert "--eval-steps 2" in KnnPer().evaluation_warning(2)


def test_a_client_with_one_row_relies_on_theta():
    task, theta, episode = network()
    support = episode.support._replace(mask=episode.support.mask.clone())
    support.mask[:, 1:] = 0
    *_, last = path(KnnPer(), task, theta, {}, support, 2)
    assert last["memory.share"].tolist() == [0.0, 0.0, 0.0]
    whole = {n: t.expand(3, *t.shape) for n, t in theta.items()}
    found = KnnPer().predictor(task).predict(last, episode.query.x)
    torch.testing.assert_close(found, task.predict(whole, episode.query.x).log_softmax(-1), rtol=1e-12, atol=1e-12)


def test_numbers_are_refused():
    with pytest.raises(ValueError, match="classification"):
        KnnPer().check("avatar", "regression")
