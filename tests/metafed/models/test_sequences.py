"""The networks for sequences: exact as any module, equal to PyTorch's own layers, and blind to padding."""

import dataclasses

import pytest
import torch
from torch import nn

from metafed.algorithms import Anil, Fomaml, Maml, MetaSgd
from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.models import Inputs
from metafed.models.gru import Gru
from metafed.models.transformer import Transformer
from metafed.tasks.task import task_of
from tests.metafed.models.modules import OUTPUTS, network_of
from tests.metafed.models.problems import one, relative
from tests.metafed.models.test_modules import RATE, STEPS, plainly

MOTION = Inputs("sequence", (4, 3))
MASKED = Inputs("sequence", (4, 3), masked=True)
TEXT = Inputs("sequence", (4,), vocabulary=6)
SMALL = {Gru: {"hidden": 4}, Transformer: {"width": 4, "heads": 2, "layers": 1}}
every = pytest.mark.parametrize(
    ("factory", "inputs"), [(factory, inputs) for factory in SMALL for inputs in (MOTION, MASKED, TEXT)]
)


def rows_of(inputs, count, generator):
    """Return rows of which every other begins with padding."""
    if inputs.vocabulary:
        x = torch.randint(1, inputs.vocabulary, (count, *inputs.shape), generator=generator).double()
    else:
        x = torch.randn(count, *inputs.shape, generator=generator, dtype=torch.float64)
        if inputs.masked:
            x[..., -1] = 1
    if inputs.masked or inputs.vocabulary:
        x[::2, :2] = 0
    return x.flatten(1)


def problem(factory, inputs, **arguments):
    """Return a task, θ and an episode in which one client has a row fewer than the others."""
    model = network_of(factory, inputs, **(arguments or SMALL[factory]))
    generator = torch.Generator().manual_seed(0)

    def batch(count):
        mask = torch.ones(3, count, dtype=torch.float64)
        mask[-1, -1] = 0
        x = torch.stack([rows_of(inputs, count, generator) for _ in range(3)]) * mask.unsqueeze(-1)
        return Batch(x, torch.randint(OUTPUTS, (3, count), generator=generator), mask)

    return task_of(model, "classification"), model.initial, Episode(batch(4), batch(5))


@every
def test_vmap_computes_it_as_a_loop_does(factory, inputs):
    task, theta, episode = problem(factory, inputs)
    assert task.model.vectorized
    loop = task_of(dataclasses.replace(task.model, vectorized=False), "classification")
    fast, slow = (Maml(inner_steps=STEPS, inner_lr=RATE).update(each, theta, {}, episode, 1) for each in (task, loop))
    assert relative(fast.directions, slow.directions) < 1e-12


@pytest.mark.parametrize("kind", [Maml, Anil, MetaSgd, Fomaml])
@every
def test_the_meta_gradient_is_that_of_a_plain_loop(factory, inputs, kind):
    task, theta, episode = problem(factory, inputs)
    algorithm = kind(inner_steps=STEPS, inner_lr=RATE)
    found = algorithm.update(task, algorithm.shared(theta), {}, episode, 1).directions
    for client in range(3):
        # a text's padding is id 0, which the plain loop must read as a whole number, too
        expected = plainly(task.model, theta, one(episode, client), kind)
        assert relative({n: found[n][client] for n in expected}, expected) < 1e-8


@every
def test_the_meta_gradient_is_that_of_finite_differences(factory, inputs):
    task, theta, episode = problem(factory, inputs)
    # layer norm of four numbers bends much: the error of differences grows with the square of the step
    algorithm, step, generator = Maml(inner_steps=STEPS, inner_lr=RATE), 1e-6, torch.Generator().manual_seed(1)
    way = {n: torch.randn(v.shape, generator=generator, dtype=v.dtype) for n, v in theta.items()}

    def query_loss(moved):
        *_, adapted = algorithm.adapt(task, spread(moved, 3), {}, episode.support, STEPS)
        return task.loss(task.predict(adapted, episode.query.x, episode.query.mask), episode.query).sum().item()

    ahead, behind = (query_loss({n: v + s * step * way[n] for n, v in theta.items()}) for s in (1, -1))
    directions = algorithm.update(task, theta, {}, episode, 1).directions
    expected = sum(float((d.sum(0) * way[n]).sum()) for n, d in directions.items())
    assert (ahead - behind) / (2 * step) == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_the_gru_is_that_of_pytorch():
    module = network_of(Gru, MOTION, hidden=4).module
    theirs = nn.GRU(3, 4, batch_first=True).double()
    names = {"weight_ih_l0": "input.weight", "bias_ih_l0": "input.bias"}
    names |= {"weight_hh_l0": "state.weight", "bias_hh_l0": "state.bias"}
    own = dict(module.named_parameters())
    theirs.load_state_dict({name: own[path].detach() for name, path in names.items()})
    x = torch.randn(5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(module(x), module.head(theirs(x)[0][:, -1]), rtol=1e-12, atol=1e-12)


def test_attention_is_that_of_pytorch():
    attention = network_of(Transformer, MOTION, width=4, heads=2, layers=1).module.blocks[0].attention
    theirs = nn.MultiheadAttention(4, 2, batch_first=True).double()
    pairs = {"in_proj": attention.project, "out_proj.": attention.out}
    theirs.load_state_dict({
        "in_proj_weight": pairs["in_proj"].weight.detach(), "in_proj_bias": pairs["in_proj"].bias.detach(),
        "out_proj.weight": attention.out.weight.detach(), "out_proj.bias": attention.out.bias.detach(),
    })  # fmt: skip
    x = torch.randn(5, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    seen = torch.ones(4, 4, dtype=torch.bool).tril()
    torch.testing.assert_close(
        attention(x, seen.expand(5, 4, 4)), theirs(x, x, x, attn_mask=~seen)[0], rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("factory", SMALL)
def test_what_padding_holds_is_not_seen(factory):
    module = network_of(factory, MASKED, **SMALL[factory]).module
    x = rows_of(MASKED, 4, torch.Generator().manual_seed(0)).unflatten(1, MASKED.shape)
    other = x.clone()
    other[::2, :2, :-1] = 7.0  # under a mask of 0
    assert torch.equal(module(x), module(other))
    other[:, -1, 0] += 1
    assert not torch.allclose(module(x), module(other))


@pytest.mark.parametrize("factory", SMALL)
def test_no_moment_sees_a_later_one(factory):
    module, seen = network_of(factory, MOTION, **SMALL[factory]).module, []
    # a state of the GRU is made of those before it; a block has all moments along the second axis
    for part in [module.state] if factory is Gru else module.blocks:
        part.register_forward_hook(lambda _, given, found: seen.append(found.detach()))
    x = torch.randn(2, *MOTION.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = module(x)
    x[:, -1] += 1
    assert not torch.allclose(module(x), before)
    earlier = [found if factory is Gru else found[:, :-1] for found in seen]
    half = len(earlier) // 2
    torch.testing.assert_close(earlier[:half], earlier[half:], rtol=0, atol=0)


def test_a_gru_of_padding_alone_predicts_its_heads_bias():
    module = network_of(Gru, TEXT, hidden=4).module
    y = module(torch.zeros(2, 4, dtype=torch.int64))
    assert torch.equal(y, module.head.bias.expand(2, -1))
