"""A user's module is trained exactly: as plain autograd trains one client at a time, and as finite differences say."""

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from metafed.algorithms import ALGORITHMS, Anil, Fomaml, Maml, MetaSgd
from metafed.core.episodes import Batch, Episode
from metafed.core.errors import DataError
from metafed.core.parameters import TRUNK, spread
from metafed.models import Inputs, Mlp, initialize, layout, without_running_statistics
from metafed.models.making import make
from metafed.models.module import ModuleNetwork
from metafed.tasks.task import task_of
from tests.metafed.models.modules import FEATURES, MODULES, Gru, NormedMlp, Transformer, network_of, problem
from tests.metafed.models.problems import network as ours
from tests.metafed.models.problems import one, relative

every_module = pytest.mark.parametrize("factory", MODULES)
STEPS, RATE = 2, 0.3


def test_what_computes_each_is_known_by_trying():
    found = {factory.__name__: network_of(factory, inputs).vectorized for factory, inputs in MODULES.items()}
    assert found == {"NormedMlp": True, "Transformer": True, "Cnn": True, "ResNet": True, "Gru": False}


@every_module
def test_vmap_and_the_loop_agree(factory):
    task, theta, episode = problem(factory)
    loop = task_of(dataclasses.replace(task.model, vectorized=False), "classification")
    for algorithm in (Maml(inner_steps=STEPS, inner_lr=RATE), Anil(inner_steps=STEPS, inner_lr=RATE)):
        fast, slow = (algorithm.update(each, theta, {}, episode, 1) for each in (task, loop))
        torch.testing.assert_close(fast.losses, slow.losses, rtol=1e-12, atol=1e-12)
        assert relative(fast.directions, slow.directions) < 1e-12


def plainly(model, theta, episode, kind):
    """Return one client's outer direction by the module itself, its named parameters and autograd."""
    module, paths = copy.deepcopy(model.module), model.paths
    start = {paths[name]: value.clone().requires_grad_() for name, value in theta.items() if name in paths}
    rates = {path: torch.full_like(value, RATE).requires_grad_() for path, value in start.items()}
    heads = [path for path in start if path.startswith(f"{model.head_path}.")]
    moved = heads if kind is Anil else list(start)

    def loss(phi, batch):
        real = int(batch.mask.sum())
        x = batch.x[0, :real].unflatten(1, model.inputs.shape)
        x = x.long() if model.inputs.vocabulary else x
        return nn.functional.cross_entropy(functional_call(module, phi, (x,)), batch.y[0, :real])

    phi = start
    with sdpa_kernel(SDPBackend.MATH):
        for _ in range(STEPS):
            slopes = torch.autograd.grad(loss(phi, episode.support), [phi[p] for p in moved], create_graph=True)
            if kind is Fomaml:
                slopes = [slope.detach() for slope in slopes]
            phi = {**phi, **{p: phi[p] - rates[p] * slope for p, slope in zip(moved, slopes, strict=True)}}
        wanted = [*start.values(), *(rates.values() if kind is MetaSgd else ())]
        found = torch.autograd.grad(loss(phi, episode.query), wanted)
    names = [name for name in theta if name in paths]
    names += [name.replace(".", ".rate.", 1) for name in names] if kind is MetaSgd else []
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("kind", [Maml, Anil, MetaSgd, Fomaml])
@every_module
def test_every_client_has_the_meta_gradient_of_a_plain_loop(factory, kind):
    task, theta, episode = problem(factory)
    algorithm = kind(inner_steps=STEPS, inner_lr=RATE)
    shared = algorithm.shared(theta)
    found = algorithm.update(task, shared, {}, episode, 1).directions
    for client in range(3):
        expected = plainly(task.model, theta, one(episode, client), kind)
        assert relative({n: found[n][client] for n in expected}, expected) < 1e-8
        assert set(expected) == set(found)


@pytest.mark.parametrize("kind", [Maml, Anil, MetaSgd, Fomaml])
@every_module
def test_the_meta_gradient_is_that_of_finite_differences(factory, kind):
    # along one random direction: four evaluations of the query loss after the inner loop, exact to the fourth order
    task, theta, episode = problem(factory)
    algorithm, step = kind(inner_steps=STEPS, inner_lr=RATE), 5e-6
    shared = algorithm.shared(theta)
    generator = torch.Generator().manual_seed(1)
    way = {n: torch.randn(v.shape, generator=generator, dtype=v.dtype) for n, v in shared.items()}

    def query_loss(by):
        moved = {n: v + by * way[n] for n, v in shared.items()}
        *_, adapted = algorithm.adapt(task, spread(shared if kind is Fomaml else moved, 3), {}, episode.support, STEPS)
        if kind is Fomaml:  # its direction is the slope where the inner loop ends
            adapted = {n: v + by * way[n] for n, v in adapted.items()}
        return task.loss(task.predict(adapted, episode.query.x, episode.query.mask), episode.query).sum().item()

    near, far = ((query_loss(by) - query_loss(-by)) / (2 * by) for by in (step, 2 * step))
    directions = algorithm.update(task, shared, {}, episode, 1).directions
    expected = sum(float((d.sum(0) * way[n]).sum()) for n, d in directions.items())
    assert (4 * near - far) / 3 == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", ALGORITHMS)
@every_module
def test_every_algorithm_runs_with_a_module(factory, name):
    algorithm = ALGORITHMS[name]()
    algorithm = algorithm.shortened(1) if algorithm.can_be_shortened else algorithm
    task, theta, episode = problem(factory)
    shared, fresh = algorithm.shared(theta), algorithm.personal(theta)
    state = {n: v.unsqueeze(0).repeat(3, *[1] * v.ndim) for n, v in fresh.items()}
    update = algorithm.update(task, shared, state, episode, 1)
    assert all(bool(value.isfinite().all()) for value in (*update.directions.values(), update.losses))
    *_, adapted = algorithm.adapt(task, spread(shared, 3), state, episode.support, 1)
    output = algorithm.predictor(task).predict(adapted, episode.query.x, episode.query.mask)
    assert output.shape == (*episode.query.mask.shape, 3)
    if name in ("fedper", "fedrep", "protonet"):
        assert not any(".head." in n for n in update.directions)


class Plain(nn.Module):
    """Our MLP, as a module."""

    trunk, head = "middle", "last"

    def __init__(self, inputs, outputs):
        super().__init__()
        self.first, self.middle = nn.Linear(inputs.size, 8), nn.ModuleList([nn.Linear(8, 8)])
        self.last = nn.Linear(8, outputs)

    def forward(self, x):
        return self.last(torch.tanh(self.middle[0](torch.tanh(self.first(x)))))


SAME = {"toy.stem": "toy.body.first", "trunk.0": "trunk.body.0", "toy.head": "toy.head"}


@pytest.mark.parametrize("name", ["maml", "anil", "meta-sgd", "fedrep", "protonet", "pfedme"])
def test_our_mlp_equals_the_same_network_as_a_module(name):
    task, theta, episode = ours()
    model = network_of(Plain)
    algorithm = ALGORITHMS[name]()

    def renamed(params):
        new = {}
        for key, value in params.items():
            own = next(name for name in SAME if key.replace(".rate.", ".").startswith(name))
            found = key.replace(".rate.", ".").replace(own, SAME[own], 1)
            # a module's weights are (outputs, inputs)
            new[found.replace(".", ".rate.", 1) if ".rate." in key else found] = (
                value.mT if key.endswith("weight") else value
            )
        return new

    def update(task, theta):
        state = {n: v.unsqueeze(0).repeat(3, *[1] * v.ndim) for n, v in algorithm.personal(theta).items()}
        return algorithm.update(task, algorithm.shared(theta), state, episode, 1)

    left, right = update(task, theta), update(task_of(model, task.kind), renamed(theta))
    torch.testing.assert_close(left.losses, right.losses, rtol=1e-12, atol=1e-12)
    assert relative(right.directions, renamed(left.directions)) < 1e-12


def test_names_say_trunk_head_and_family():
    names = set(network_of(NormedMlp).shapes)
    assert {name.rpartition(".")[0] for name in names} == {
        "toy.body.stem", "toy.head", f"{TRUNK}.norm.0", f"{TRUNK}.body.2"
    }  # fmt: skip
    assert {name for name in network_of(Transformer).shapes if ".head." in name} == {"toy.head.weight", "toy.head.bias"}


def test_the_seed_decides_the_initial_values_and_nothing_else_is_drawn():
    state = torch.random.get_rng_state()
    make(Gru, "toy", FEATURES, 3, {}, 2, torch.float64)
    first, other = (network_of(Gru, seed=seed).initial for seed in (0, 1))
    again = make(Gru, "toy", FEATURES, 3, {}, 0, torch.float64).initial
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


class Frozen(nn.Module):
    """A frozen layer and a buffer below a head."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.encoder = nn.Linear(inputs.size, 4).requires_grad_(False)
        self.register_buffer("scale", torch.tensor(2.0))
        self.head = nn.Linear(4, outputs)

    def forward(self, x):
        return self.head(torch.tanh(self.encoder(x)) * self.scale)


def test_what_is_frozen_is_a_constant_of_the_host_and_hashed():
    task, theta, episode = problem(Frozen)
    assert set(theta) == {"toy.head.weight", "toy.head.bias"}
    update = Maml(inner_steps=1).update(task, theta, {}, episode, 1)
    assert set(update.directions) == set(theta)
    about = task.model.about
    assert (about["trained"], about["frozen"]) == (15, 25)
    assert about["frozen_sha256"] == network_of(Frozen).about["frozen_sha256"]
    assert about["frozen_sha256"] != network_of(Frozen, seed=1).about["frozen_sha256"]
    assert network_of(Gru).about["frozen_sha256"] is None


class Normed(nn.Module):
    """Batch norm, by the statistics of the rows at hand."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.stem, self.norm = nn.Linear(inputs.size, 4), nn.BatchNorm1d(4)
        self.head = nn.Linear(4, outputs)
        without_running_statistics(self)

    def forward(self, x):
        return self.head(torch.tanh(self.norm(self.stem(x))))


def test_batch_norm_sees_a_clients_own_rows_and_no_padding():
    task, theta, episode = problem(Normed)
    both = Maml(inner_steps=STEPS).update(task, theta, {}, episode, 1)
    short = Episode(*(Batch(*(part[2:, :-1] for part in batch)) for batch in episode))
    alone = Maml(inner_steps=STEPS).update(task, theta, {}, short, 1)
    assert relative({n: d[2:] for n, d in both.directions.items()}, alone.directions) < 1e-12
    torch.testing.assert_close(both.losses[2:], alone.losses)


class NormedImages(nn.Module):
    """Batch norm over the places of an image, which one row has many of."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs.shape[0], 3, 3)
        self.norm = nn.BatchNorm2d(3, track_running_stats=False)
        self.fc = nn.Linear(3, outputs)

    def forward(self, x):
        return self.fc(torch.tanh(self.norm(self.conv(x))).mean((2, 3)))


def test_batch_norm_of_a_lone_row_is_right_or_refused():
    # the third client has one row for support: its images have places enough, its features are one value a channel
    task, theta, episode = problem(NormedImages, Inputs("image", (1, 4, 4)), rows=(2, 5))
    update = Maml(inner_steps=STEPS, inner_lr=RATE).update(task, theta, {}, episode, 1)
    expected = plainly(task.model, theta, one(episode, 2), Maml)
    assert relative({n: update.directions[n][2] for n in expected}, expected) < 1e-8
    task, theta, episode = problem(Normed, rows=(2, 5))
    with pytest.raises(DataError, match="one row has no statistics; use GroupNorm or LayerNorm, or batches that"):
        Maml(inner_steps=STEPS).update(task, theta, {}, episode, 1)


def test_memory_of_a_row_is_measured():
    small, large = (network_of(NormedMlp, width=width).row_numbers for width in (5, 50))
    assert 5 * small < large < 12 * small
    mlp = Mlp("toy", 3, features=5, width=8, depth=1, activation="tanh")
    assert mlp.row_numbers == 0


def test_a_module_of_control_and_of_regression_gives_outputs_of_its_kind():
    task, theta, episode = problem(Gru, kind="regression")
    assert Maml(inner_steps=1).update(task, theta, {}, episode, 1).output.shape == (3, 5, 3)


def test_a_module_and_a_network_of_ours_share_a_layout():
    mlp = Mlp("sine", 1, features=1, width=4, depth=0, activation="relu")
    shapes = layout({"toy": network_of(NormedMlp), "sine": mlp})
    assert list(shapes.parts) == [TRUNK, "toy", "sine"]
    assert isinstance(network_of(Gru, Inputs("features", (2,))), ModuleNetwork)
    assert set(initialize(layout({"sine": mlp}), 0, torch.float64)) == set(mlp.shapes)
