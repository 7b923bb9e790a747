"""Every network, with every norm: clients do not touch one another, padding is invisible, derivatives are exact."""

import pytest
import torch

from metafed.algorithms import Maml
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.core.streams import stream
from metafed.models import Conv4, Mlp, SmallConv, initialize, is_head, layout
from metafed.models.convolution import EPSILON, convolve, masked_batch_norm
from metafed.tasks.task import task_of
from tests.metafed.algorithms.clients import pick, ragged
from tests.metafed.models.problems import one, tensor

SIDE = 16
IMAGE = (1, SIDE, SIDE)
NORMS = ("batch", "group", "none")
NETWORKS = {
    "mlp": Mlp("toy", 3, features=SIDE * SIDE, width=6, depth=1, activation="tanh"),
    **{f"conv4-{norm}": Conv4("toy", 3, IMAGE, filters=4, norm=norm, activation="tanh") for norm in NORMS},
    **{f"small-{norm}": SmallConv("toy", 3, IMAGE, filters=4, width=6, norm=norm, activation="tanh") for norm in NORMS},
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def begin(name, clients=3):
    """Return a task, θ and an episode of images, as far from symmetry as θ goes after some training."""
    task = task_of(NETWORKS[name], "classification")
    rng = stream(0, name)
    theta = initialize(layout({"toy": task.model}), 0, torch.float64)
    theta = {n: t * (3 if is_head(n) else 1) + 0.1 * tensor(rng, *t.shape) for n, t in theta.items()}

    def batch(rows):
        y = torch.from_numpy(rng.integers(0, 3, (clients, rows)))
        return Batch(tensor(rng, clients, rows, SIDE * SIDE), y, torch.ones(clients, rows, dtype=torch.float64))

    return task, theta, Episode(batch(4), batch(5))


def own(theta, clients):
    """Return parameters ``(C, …)`` that differ from client to client."""
    rng = stream(1, "own")
    return {n: t.expand(clients, *t.shape) + 0.1 * tensor(rng, clients, *t.shape) for n, t in theta.items()}


def close(left, right, tolerance=1e-12):
    torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


@every_network
def test_shapes(name):
    task, theta, episode = begin(name)
    params, model = own(theta, 3), task.model
    assert model.embed(params, episode.query.x).shape == (3, 5, model.embedding)
    assert task.predict(params, episode.query.x).shape == (3, 5, 3)
    assert model.head == ("toy.head", model.embedding, 3)
    assert {n: tuple(t.shape) for n, t in theta.items()} == dict(model.shapes)


def test_sizes_of_the_published_networks():
    # 28 → 14 → 7 → 3 → 1 pixels; 28 → 26 → 13 → 11 → 5 pixels
    four = Conv4("omniglot", 5, (1, 28, 28), filters=64, norm="batch", activation="relu")
    small = SmallConv("omniglot", 5, (1, 28, 28), filters=64, width=64, norm="none", activation="relu")
    sizes = [sum(layout({"omniglot": net}).size(part) for part in ("omniglot",)) for net in (four, small)]
    assert four.embedding == 64
    assert sizes[0] == (9 * 64 + 2 * 64) + 3 * (9 * 64 * 64 + 2 * 64) + (64 * 5 + 5)
    assert sizes[1] == (9 * 64 + 64) + (9 * 64 * 64 + 64) + (1600 * 64 + 64) + (64 * 5 + 5)
    x = torch.zeros(2, 7, 784)
    for net in (four, small):
        theta = initialize(layout({"omniglot": net}), 0, torch.float32)
        assert net.predict({n: t.expand(2, *t.shape) for n, t in theta.items()}, x).shape == (2, 7, 5)


@every_network
def test_a_chunk_equals_a_loop_over_clients(name):
    task, theta, episode = begin(name)
    params = own(theta, 3)
    together = task.predict(params, episode.query.x, episode.query.mask)
    for client in range(3):
        alone = one(episode, client).query
        close(task.predict(pick(params, client), alone.x, alone.mask)[0], together[client])


@every_network
def test_a_chunk_of_meta_gradients_equals_a_loop(name):
    task, theta, episode = begin(name)
    maml = Maml(inner_steps=2, inner_lr=0.1)
    together = maml.update(task, theta, {}, episode, 1)
    for client in range(3):
        alone = maml.update(task, theta, {}, one(episode, client), 1)
        for key, direction in alone.directions.items():
            close(direction[0], together.directions[key][client])


@every_network
@pytest.mark.parametrize("filling", [0.0, 7.0])
def test_padding_is_invisible(name, filling):
    task, theta, episode = begin(name)
    maml, short = Maml(inner_steps=1, inner_lr=0.1), ragged(episode)

    def filled(batch):
        x = torch.where(batch.mask.bool().unsqueeze(-1), batch.x, filling)
        return batch._replace(x=x)

    together = maml.update(task, theta, {}, Episode(filled(short.support), filled(short.query)), 1)
    for client in range(3):
        support, query = (Batch(*(part[:, : int(batch.mask.sum())] for part in batch)) for batch in one(short, client))
        assert len(query.mask[0]) == 5 - client
        alone = maml.update(task, theta, {}, Episode(support, query), 1)
        close(alone.losses[0], together.losses[client])
        for key, direction in alone.directions.items():
            close(direction[0], together.directions[key][client])


@every_network
def test_norms_take_rows_alike_whatever_their_weights(name):
    task, theta, episode = begin(name)
    short, start = ragged(episode).query, spread(theta, 3)
    outputs = [task.predict(start, short.x, mask) for mask in (short.mask, short.mask * torch.rand(3, 5).double())]
    assert torch.equal(*(output * short.mask.unsqueeze(-1) for output in outputs))


@every_network
def test_the_meta_gradient_equals_finite_differences(name):
    # max-pooling has kinks: a small step, in float64, stays on one side of them
    task, theta, episode = begin(name)
    maml, rng, step = Maml(inner_steps=2, inner_lr=0.1), stream(2, "direction"), 1e-6
    way = {n: tensor(rng, *t.shape) for n, t in theta.items()}

    def losses(distance):
        start = spread({n: t + distance * way[n] for n, t in theta.items()}, 3)
        *_, adapted = maml.adapt(task, start, {}, episode.support, 2)
        return task.loss(task.predict(adapted, episode.query.x), episode.query).detach()

    update = maml.update(task, theta, {}, episode, 1)
    slope = sum((d * way[n]).flatten(1).sum(1) for n, d in update.directions.items())
    torch.testing.assert_close((losses(step) - losses(-step)) / (2 * step), slope, rtol=1e-6, atol=1e-7)
    first = Maml(inner_steps=0).update(task, theta, {}, episode, 1)
    assert not torch.allclose(
        slope, sum((d * way[n]).flatten(1).sum(1) for n, d in first.directions.items()), rtol=1e-2
    )


def test_batch_norm_sees_the_company_of_a_row_and_group_norm_does_not():
    for name, alone in (("conv4-batch", False), ("conv4-group", True), ("small-batch", False), ("small-none", True)):
        task, theta, episode = begin(name)
        params, x = own(theta, 3), episode.query.x
        company = x.clone()
        company[:, 1:] = company[:, 1:].flip(1) * 2
        same = torch.allclose(task.predict(params, x)[:, 0], task.predict(params, company)[:, 0], rtol=1e-9)
        assert same == alone, name


def test_masked_batch_norm_is_that_of_pytorch_on_the_real_rows():
    rng = stream(0, "norm")
    x, scale, shift = tensor(rng, 6, 2 * 3, 4, 4), tensor(rng, 2, 3), tensor(rng, 2, 3)
    mask = torch.tensor([[1.0, 1, 1, 1, 0, 0], [1, 0, 1, 1, 1, 1]], dtype=torch.float64)
    found = masked_batch_norm(x, scale, shift, mask).unflatten(1, (2, 3))
    for client in range(2):
        real = mask[client].bool()
        rows = x.unflatten(1, (2, 3))[real, client]
        expected = torch.nn.functional.batch_norm(
            rows, None, None, scale[client], shift[client], training=True, eps=EPSILON
        )
        close(found[real, client], expected)


def test_group_norm_is_that_of_pytorch_on_each_client_in_eight_groups():
    rng = stream(0, "group")
    params = {"toy.conv.0.weight": tensor(rng, 2, 16, 1, 3, 3)}
    params |= {f"toy.norm.0.{name}": tensor(rng, 2, 16) for name in ("scale", "shift")}
    x = tensor(rng, 5, 2, 6, 6)
    found = convolve(params, "toy", 0, x, "group", 1, None).unflatten(1, (2, 16))
    for client in range(2):
        own = pick(params, client)
        images = torch.nn.functional.conv2d(x[:, client : client + 1], own["toy.conv.0.weight"][0], padding=1)
        scale, shift = own["toy.norm.0.scale"][0], own["toy.norm.0.shift"][0]
        close(found[:, client], torch.nn.functional.group_norm(images, 8, scale, shift, EPSILON))


def test_initial_values():
    nets = {"toy": NETWORKS["conv4-batch"], "sine": Mlp("sine", 1, features=1, width=40, depth=1, activation="relu")}
    shapes = layout(nets)
    theta = initialize(shapes, 0, torch.float64)
    assert (theta["toy.norm.2.scale"] == 1).all()
    assert (theta["toy.norm.2.shift"] == 0).all()
    assert theta["toy.conv.1.weight"].std().item() == pytest.approx((2 / (9 * 4)) ** 0.5, rel=0.2)
    assert (theta["trunk.0.bias"] == 0).all()
    # kinks of a network of one input must not all lie at 0
    kinks = -theta["sine.stem.bias"] / theta["sine.stem.weight"][0]
    assert 0.2 < (kinks.abs() > 1).double().mean() < 0.8
