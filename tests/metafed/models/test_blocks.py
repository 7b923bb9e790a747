"""Our kernels for images against plain PyTorch: values, first and second derivatives, and the bits of a chunk."""

from dataclasses import replace

import pytest
import torch

from metafed.algorithms import Fomaml, Maml
from metafed.core.episodes import Batch, Episode
from metafed.core.streams import stream
from metafed.models import Conv4, SmallConv, initialize, layout
from metafed.models.convolution import EPSILON, masked_batch_norm
from metafed.native import blocks, library, stem
from metafed.native.calls import BLOCK, whole
from metafed.tasks.task import Classification
from tests.metafed.algorithms.clients import ragged
from tests.metafed.models.problems import one, tensor
from tests.metafed.models.test_networks import begin

pytestmark = pytest.mark.compiler

CLIENTS, ROWS = 2, 3
SHAPES = [(2, 3, 6, 6), (1, 16, 5, 8), (18, 4, 7, 5), (3, 20, 9, 9)]
"""Input channels, filters, height, width: even and odd, less than a block of channels, one, and more."""


def close(left, right, tolerance=1e-12):
    torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance)


def last(x):
    """Channels first to last, padded: ``(C, N, I, H, W)`` → ``(C, N, H, W, whole(I))``."""
    x = x.permute(0, 1, 3, 4, 2)
    return torch.nn.functional.pad(x, (0, whole(x.shape[-1]) - x.shape[-1]))


def first(y, filters):
    """Channels last to first, without the padding, which is 0."""
    assert y.isnan().any() or not y[..., filters:].any()
    return y[..., :filters].permute(0, 1, 4, 2, 3)


def plainly(x, weight, scale, shift, mask, *, padding, relu, side):
    """Return what ``block`` computes, by PyTorch, channels first."""
    clients, filters = weight.shape[:2]
    images = x.transpose(0, 1).flatten(1, 2)
    z = torch.nn.functional.conv2d(images, weight.flatten(0, 1), padding=padding, groups=clients)
    if scale is None:
        z = z + shift.flatten()[:, None, None]
    else:
        z = masked_batch_norm(z, scale, shift, torch.ones(clients, len(z), dtype=z.dtype) if mask is None else mask)
    y = torch.nn.functional.max_pool2d(z, side)
    return (torch.relu(y) if relu else y).unflatten(1, (clients, filters)).transpose(0, 1)


def natively(x, weight, scale, shift, mask, *, padding, relu, side):
    """Return the same by ``block``."""
    y = blocks.block(last(x), weight, scale, shift, mask, blocks.Kind(padding, EPSILON, relu, side))
    return first(y, weight.shape[1])


def by_stem(x, weight, scale, shift, mask, *, padding, relu, side):
    """Return the same by ``stem``, which always pools."""
    assert side == 2
    y = stem.stem(x, weight, scale, shift, mask, EPSILON, padding=padding, relu=relu)
    return first(y, weight.shape[1])


def arguments(name, inputs, filters, height, width, norm, dtype=torch.float64):
    rng = stream(0, name)
    x = tensor(rng, CLIENTS, ROWS, inputs, height, width) + 1
    weight, scale, shift = (tensor(rng, CLIENTS, *s) for s in ((filters, inputs, 3, 3), (filters,), (filters,)))
    return [
        t.to(dtype).requires_grad_() if t is not None else None for t in (x, weight, scale if norm else None, shift)
    ]


def derivatives(function, inputs, mask, wanted, **kind):
    """Return y, its weighted sum's first derivatives, and a weighted sum of those' derivatives again."""
    rng = stream(1, "weights")
    y = function(*inputs, mask, **kind)
    leaves = [t for t in wanted if t is not None]
    slopes = torch.autograd.grad((y * tensor(rng, *y.shape).to(y.dtype)).sum(), leaves, create_graph=True)
    total = sum((g * tensor(rng, *g.shape).to(y.dtype)).sum() for g in slopes)
    bends = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    return [y, *slopes, *bends]


MASKS = {"all": None, "ragged": torch.tensor([[1, 1, 0], [1, 0, 0]], dtype=torch.float64)}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_block_and_its_derivatives_are_pytorchs(shape, padding, side, norm, mask):
    for relu in (True, False):
        kind = {"padding": padding, "relu": relu, "side": side}
        inputs = arguments("block", *shape, norm)
        found = derivatives(natively, inputs, MASKS[mask], inputs, **kind)
        for ours, theirs in zip(found, derivatives(plainly, inputs, MASKS[mask], inputs, **kind), strict=True):
            close(ours, theirs, 1e-11)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_block_and_its_derivatives_are_pytorchs(shape, padding, norm, mask):
    for relu in (True, False):
        kind = {"padding": padding, "relu": relu, "side": 2}
        x, *params = arguments("stem", *shape, norm)
        x = x.detach()
        found = derivatives(by_stem, [x, *params], MASKS[mask], params, **kind)
        for ours, theirs in zip(found, derivatives(plainly, [x, *params], MASKS[mask], params, **kind), strict=True):
            close(ours, theirs, 1e-11)


@pytest.mark.parametrize("norm", [True, False])
def test_derivatives_of_a_block_are_those_of_finite_differences(norm):
    mask = MASKS["ragged"] if norm else None
    inputs = [t for t in arguments("small", 1, 2, 5, 4, norm) if t is not None]

    def function(*tensors):
        x, weight, *scale, shift = tensors
        return natively(x, weight, scale[0] if scale else None, shift, mask, padding=1, relu=True, side=2)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("norm", [True, False])
def test_derivatives_of_the_first_block_are_those_of_finite_differences(norm):
    x, *params = arguments("small", 2, 2, 5, 6, norm)
    mask, x, params = MASKS["ragged"] if norm else None, x.detach(), [t for t in params if t is not None]

    def function(weight, *rest):
        scale, shift = rest if norm else (None, *rest)
        return by_stem(x, weight, scale, shift, mask, padding=1, relu=True, side=2)

    assert torch.autograd.gradcheck(function, params)
    assert torch.autograd.gradgradcheck(function, params)


@pytest.mark.parametrize("relu", [True, False])
def test_of_equal_pixels_the_first_of_a_window_has_the_gradient(relu):
    # the filter hands the image on as it is, and small whole numbers are exact in every step
    rng = stream(0, "ties")
    x = torch.from_numpy(rng.integers(-1, 2, (1, 4, 1, 8, 8))).double().requires_grad_()
    weight = torch.zeros(1, 1, 1, 3, 3, dtype=torch.float64)
    weight[..., 1, 1] = 1
    for shift in (0.0, 2.0):
        rest = (weight, None, torch.full((1, 1), shift, dtype=torch.float64), None)
        kind = {"padding": 1, "relu": relu, "side": 2}
        slopes = []
        for function in (natively, plainly):
            y = function(x, *rest, **kind)
            slopes += torch.autograd.grad((y * torch.arange(1.0, y.numel() + 1).view(y.shape)).sum(), x)
        assert torch.equal(*slopes)


def test_of_equal_pixels_the_first_of_a_window_counts_in_the_first_block():
    rng = stream(0, "ties")
    x = torch.from_numpy(rng.integers(0, 2, (1, 6, 1, 8, 8))).double()
    weight = torch.from_numpy(rng.integers(-1, 2, (1, 5, 1, 3, 3))).double().requires_grad_()
    shift = torch.zeros(1, 5, dtype=torch.float64)
    slopes = []
    for function in (by_stem, plainly):
        y = function(x, weight, None, shift, None, padding=1, relu=True, side=2)
        slopes += torch.autograd.grad((y * torch.arange(1.0, y.numel() + 1).view(y.shape)).sum(), weight)
    assert torch.equal(*slopes)


@pytest.mark.parametrize("function", [natively, by_stem])
@pytest.mark.parametrize("norm", [True, False])
def test_what_is_not_a_number_reaches_the_result_and_no_other_client(function, norm):
    x, *rest = (None if t is None else t.detach() for t in arguments("nan", 2, 3, 6, 6, norm))
    x[0, 0, 0, 2, 2] = torch.nan
    y = function(x, *rest, None, padding=1, relu=True, side=2)
    assert y[0].isnan().any()
    assert y[1].isfinite().all()


def test_float32_is_as_exact_as_pytorchs():
    kind = {"padding": 1, "relu": True, "side": 2}
    exact = arguments("precision", 64, 64, 14, 14, norm=True)
    rough = [t.detach().float().requires_grad_() for t in exact]
    mask = MASKS["all"]
    truth = derivatives(plainly, exact, mask, exact, **kind)
    ours, theirs = (derivatives(function, rough, mask, rough, **kind) for function in (natively, plainly))
    for true, our, their in zip(truth, ours, theirs, strict=True):
        distance = [
            float((t.double() - true).detach().norm() / true.detach().norm().clamp(min=1e-3)) for t in (our, their)
        ]
        # a pixel or two of a window that is nearly a tie may change places; a wrong formula is off by far more
        assert distance[0] < 3 * distance[1] + 1e-5, distance


def pairs():
    """Pairs of the same network, with PyTorch's kernels and with ours."""
    sizes = {"conv4": (Conv4, {}), "small": (SmallConv, {"width": 6})}
    for name, (network, more) in sizes.items():
        for norm in ("batch", "none", "group"):
            for activation in ("relu", "tanh"):
                plain = network("toy", 3, (1, 16, 16), filters=5, norm=norm, activation=activation, **more)
                yield pytest.param(plain, replace(plain, kernels="native"), id=f"{name}-{norm}-{activation}")


def drawing(batch):
    """Images that are blank but for a bar and some dots: full of equal pixels."""
    x = (batch.x > 2.5).to(batch.x.dtype).view(*batch.x.shape[:2], 16, 16)
    x[:, :, 5:9, 4:] = 1
    return batch._replace(x=x.flatten(2))


@pytest.mark.parametrize(("plain", "native"), list(pairs()))
@pytest.mark.parametrize("clients", [1, 3])
@pytest.mark.parametrize("algorithm", [Maml, Fomaml])
@pytest.mark.parametrize("drawn", [False, True])
def test_an_update_is_the_same_with_either_kernels(plain, native, clients, algorithm, drawn):
    _, _, episode = begin("conv4-batch", clients)
    episode, rng = Episode(*map(drawing, episode)) if drawn else episode, stream(0, "theta")
    theta = initialize(layout({"toy": plain}), 0, torch.float64)
    theta = {n: t + 0.1 * tensor(rng, *t.shape) for n, t in theta.items()}
    for own in (episode, ragged(episode)):
        ours, theirs = (
            algorithm(inner_steps=2, inner_lr=0.1).update(Classification(network), theta, {}, own, 1)
            for network in (native, plain)
        )
        close(ours.losses, theirs.losses, 1e-10)
        for name, direction in theirs.directions.items():
            away = (ours.directions[name] - direction).norm() / direction.norm().clamp(min=1e-3)
            assert away < 1e-10, name


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_a_client_has_the_same_bits_alone_and_in_a_chunk(norm):
    network = Conv4("toy", 5, (1, 28, 28), filters=64, norm=norm, activation="relu", kernels="native")
    task, rng = Classification(network), stream(0, "bits")
    theta = initialize(layout({"toy": network}), 0, torch.float32)

    def batch(rows):
        y = torch.from_numpy(rng.integers(0, 5, (5, rows)))
        return Batch(tensor(rng, 5, rows, 784).float(), y, torch.ones(5, rows))

    episode = ragged(Episode(batch(6), batch(8)))
    together = Maml(inner_steps=2, inner_lr=0.1).update(task, theta, {}, episode, 1)
    for client in range(5):
        alone = Maml(inner_steps=2, inner_lr=0.1).update(task, theta, {}, one(episode, client), 1)
        for name, direction in alone.directions.items():
            assert direction.isfinite().all()
            assert torch.equal(direction[0], together.directions[name][client]), name


def test_images_that_need_a_gradient_get_it():
    network = Conv4("toy", 3, (1, 16, 16), filters=4, norm="batch", activation="relu", kernels="native")
    theta = initialize(layout({"toy": network}), 0, torch.float64)
    x = tensor(stream(0, "images"), 2, 3, 256).requires_grad_()
    params = {n: t.expand(2, *t.shape) for n, t in theta.items()}
    plain = replace(network, kernels="torch")
    found, expected = (torch.autograd.grad(net.embed(params, x).sum(), x)[0] for net in (network, plain))
    close(found, expected)


def test_the_kernels_are_right_without_any_extension_of_the_processor(monkeypatch):
    # the narrowest vectors that there are, and no fused multiplication
    plain = tuple(flag for flag in library.FLAGS if flag != "-march=native")
    monkeypatch.setattr(library, "FLAGS", plain)
    library.library.cache_clear()
    for kernels in (blocks.CONVOLUTION, blocks.EPILOGUE, stem.KERNELS):
        monkeypatch.setattr(kernels, "_loaded", {})
    try:
        test_a_block_and_its_derivatives_are_pytorchs(SHAPES[3], 1, 2, norm=True, mask="ragged")
        test_the_first_block_and_its_derivatives_are_pytorchs(SHAPES[3], 1, norm=True, mask="ragged")
    finally:
        library.library.cache_clear()


def test_blocks_of_channels_are_as_in_the_kernels():
    assert [whole(n) for n in (1, 16, 17, 64)] == [BLOCK, BLOCK, 2 * BLOCK, 64]
    assert f"constexpr long BLOCK = {BLOCK};" in (library.HERE / "images.h").read_text()
