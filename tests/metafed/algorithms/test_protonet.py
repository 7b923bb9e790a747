"""Prototypes: nearest neighbours, permutations, the linear head that they amount to."""

import pytest
import torch

from metafed.algorithms import Protonet
from metafed.core.episodes import Batch
from tests.metafed.algorithms.clients import begin, path
from tests.metafed.models.problems import network


def one_shot():
    """Return a task, θ's body, and a support set with one row of each class."""
    task, theta, episode = network(rows=(3, 9))
    labels = torch.tensor([[0, 1, 2], [2, 0, 1], [1, 2, 0]])
    return task, begin(Protonet(), theta, 3)[0], episode._replace(support=episode.support._replace(y=labels))


def embedded(task, theta, x):
    return task.model.embed({n: t.expand(len(x), *t.shape) for n, t in theta.items()}, x)


def outputs(task, theta, support, x):
    return task.predict(path(Protonet(), task, theta, {}, support, 1)[1], x)


def test_with_one_row_a_class_the_nearest_neighbour_wins():
    task, theta, episode = one_shot()
    away = torch.cdist(embedded(task, theta, episode.query.x), embedded(task, theta, episode.support.x))
    nearest = episode.support.y.gather(1, away.argmin(-1))
    assert torch.equal(outputs(task, theta, episode.support, episode.query.x).argmax(-1), nearest)


def test_the_linear_head_has_the_softmax_of_the_negative_squared_distances():
    task, theta, episode = network()
    theta, _ = begin(Protonet(), theta, 3)
    labels = torch.tensor([[0, 1, 2, 0, 1, 2, 0], [2, 2, 2, 1, 1, 0, 0], [0, 1, 2, 2, 2, 2, 2]])
    episode = episode._replace(support=episode.support._replace(y=labels))
    features = embedded(task, theta, episode.support.x)
    centres = torch.stack(
        [torch.stack([f[y == j].mean(0) for j in range(3)]) for f, y in zip(features, labels, strict=True)]
    )
    away = torch.cdist(embedded(task, theta, episode.query.x), centres).square()
    found = outputs(task, theta, episode.support, episode.query.x)
    torch.testing.assert_close(found.softmax(-1), (-away).softmax(-1), rtol=1e-12, atol=1e-12)


def test_permuting_the_classes_permutes_the_outputs():
    task, theta, episode = network()
    theta, _ = begin(Protonet(), theta, 3)
    order = torch.tensor([2, 0, 1])
    renamed = episode.support._replace(y=order[episode.support.y])
    left = outputs(task, theta, episode.support, episode.query.x)
    right = outputs(task, theta, renamed, episode.query.x)
    torch.testing.assert_close(right[..., order], left, rtol=1e-14, atol=1e-14)


def test_before_adaptation_all_classes_are_equally_likely():
    task, theta, episode = one_shot()
    before = path(Protonet(), task, theta, {}, episode.support, 1)[0]
    losses = task.loss(task.predict(before, episode.query.x), episode.query)
    torch.testing.assert_close(losses, torch.full((3,), 3.0, dtype=torch.float64).log())


def test_a_class_without_a_row_lies_in_the_middle_of_the_others():
    task, theta, episode = one_shot()
    support = Batch(episode.support.x, torch.zeros(3, 3, dtype=torch.int64), episode.support.mask)
    found = outputs(task, theta, support, episode.query.x)
    torch.testing.assert_close(found, found[..., :1].expand(3, 9, 3))


def test_regression_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"--tasks: family 'avatar' is regression.*--algorithm"):
        Protonet().check("avatar", "regression")
    task, theta, episode = network("regression")
    theta, _ = begin(Protonet(), theta, 3)
    with pytest.raises(ValueError, match="classification"):
        Protonet().update(task, theta, {}, episode, 1)
