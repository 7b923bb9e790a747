"""What no network can be made of is refused by one message that says why, and what to do."""

import numpy as np
import pytest
import torch
from torch import nn

from metafed.core.errors import DataError
from metafed.models import Inputs, without_running_statistics
from metafed.models.making import make
from tests.metafed.models.modules import FEATURES, Cnn, Gru, NormedMlp


class Base(nn.Module):
    """A linear network, which the others spoil."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.stem, self.head = nn.Linear(inputs.size, 4), nn.Linear(4, outputs)

    def forward(self, x):
        return self.head(torch.tanh(self.stem(x)))


def spoiled(change=lambda module: None, forward=None):
    """Return a factory of ``Base`` modules that ``change`` was made to, with another ``forward``."""

    def factory(inputs, outputs):
        module = Base(inputs, outputs)
        change(module)
        if forward is not None:
            kind = type("Spoiled", (Base,), {"forward": forward})
            module.__class__ = kind
        return module

    return factory


def raises(inputs, outputs):
    """A factory that raises."""
    raise KeyError("weights")


def set_to(name, value):
    def change(module):
        setattr(module, name, value)

    return change


def share(module):
    module.other = nn.Linear(4, 4)
    module.other.bias = module.stem.bias


def not_finite(module):
    module.stem.weight.data[0, 0] = torch.nan


def freeze(module):
    module.requires_grad_(False)


def in_place(module, x):
    return Base.forward(module, x.mul_(2))


def counts(module, x):
    module.calls += 1
    return Base.forward(module, x)


FACTORIES = {
    "raises": (raises, "the factory raised KeyError: 'weights'; it is called with the inputs"),
    "no module": (lambda inputs, outputs: 3, "returned int, not a torch.nn.Module"),
    "no parameters": (spoiled(freeze), "no parameter to train"),
    "shape": (spoiled(forward=lambda m, x: m.stem(x)), r"returned \(4, 4\) for 4 rows; expected .* \(4, 3\)"),
    "tuple": (spoiled(forward=lambda m, x: (m.head(m.stem(x)),)), "returned tuple for 4 rows"),
    "type": (spoiled(forward=lambda m, x: Base.forward(m, x).half()), "torch.float16 for inputs of torch.float32"),
    "forward raises": (spoiled(forward=lambda m, x: m.head(x)), r"forward raised RuntimeError for 4 rows of \(5,\)"),
    "batch size": (
        spoiled(forward=lambda m, x: Base.forward(m, x.reshape(4, 5))),
        "forward raised RuntimeError for 1 rows",
    ),
    "at most": (
        spoiled(forward=lambda m, x: Base.forward(m, x + torch.zeros(9, 1)[: len(x)])),
        "forward raised RuntimeError for 32 rows",
    ),
    "mixes rows": (spoiled(forward=lambda m, x: Base.forward(m, x - x.mean(0))), "depend on what else is in the batch"),
    "in place": (spoiled(forward=in_place), "writes into its inputs"),
    "buffer": (
        spoiled(lambda m: m.register_buffer("calls", torch.zeros(())), counts),
        "forward changes 'calls'",
    ),
    "the same into a buffer": (
        spoiled(
            lambda m: m.register_buffer("calls", torch.zeros(())), lambda m, x: Base.forward(m, x + m.calls.zero_())
        ),
        "forward changes 'calls'",
    ),
    "frozen": (
        spoiled(
            set_to("bias", nn.Parameter(torch.zeros(5), requires_grad=False)),
            lambda m, x: Base.forward(m, x + m.bias.mul_(1)),
        ),
        "forward changes 'bias'; buffers and what is frozen are constants",
    ),
    "moves": (spoiled(forward=lambda m, x: Base.forward(m, x).to("meta")), "moves its outputs to meta; leave them"),
    "not finite": (spoiled(not_finite), "'stem.weight' is not finite at the start"),
    "not finite out": (spoiled(forward=lambda m, x: Base.forward(m, x) / x.sum(1, True)), "not finite at the start"),
    "not finite slope": (
        spoiled(forward=lambda m, x: Base.forward(m, x) + m.stem(x).mul(x[:, :1]).abs().sqrt()[:, :1]),
        "gradients are not finite at the start",
    ),
    "two names": (spoiled(share), "two names, 'stem.bias' and 'other.bias'"),
    "unused": (spoiled(set_to("spare", nn.Linear(2, 2))), "'spare.weight' plays no part in the outputs"),
    "sparse": (spoiled(set_to("words", nn.Embedding(3, 2, sparse=True))), "'words' has sparse gradients"),
    "complex": (
        spoiled(set_to("c", nn.Parameter(torch.zeros(2, dtype=torch.complex64)))),
        "parameter 'c' is torch.complex64",
    ),
    "integer": (
        spoiled(set_to("i", nn.Parameter(torch.zeros(2, dtype=torch.int64), requires_grad=False))),
        "parameter 'i' is torch.int64",
    ),
    "elsewhere": (spoiled(set_to("there", nn.Linear(2, 2, device="meta"))), "'there.weight' is on meta; make the"),
    "lazy": (spoiled(set_to("lazy", nn.LazyLinear(2))), "parameter 'lazy.weight' has no shape yet"),
    "batch norm": (spoiled(set_to("norm", nn.BatchNorm1d(4))), "'norm' .*without_running_statistics"),
    "dropout": (spoiled(set_to("drop", nn.Dropout(0.2))), r"'drop' \(Dropout\) drops numbers at random \(0.2\)"),
    "attention": (spoiled(set_to("att", nn.MultiheadAttention(4, 2, dropout=0.1))), "'att' .* at random"),
    "random": (
        spoiled(forward=lambda m, x: nn.functional.dropout(Base.forward(m, x), 0.5)),
        "two calls of forward differ",
    ),
    "trunk": (spoiled(set_to("trunk", "encoder")), "trunk = 'encoder': the module has no such submodule"),
    "head in trunk": (spoiled(set_to("trunk", "head")), "its head 'head' lies in its trunk 'head'"),
    "once": (
        spoiled(forward=lambda m, x: Once.apply(Base.forward(m, x))),
        "can be differentiated once only",
    ),
}


class Once(torch.autograd.Function):
    """What can be differentiated once only."""

    @staticmethod
    def forward(ctx, x):
        """Return x."""
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        """Return the slope."""
        return slope


@pytest.mark.parametrize("what", FACTORIES)
def test_a_module_that_cannot_be_trained_exactly_is_refused_with_the_reason(what):
    factory, message = FACTORIES[what]
    with pytest.raises(DataError, match=message) as caught:
        make(factory, "toy", FEATURES, 3, {}, 0, torch.float32)
    assert "\n" not in str(caught.value)


def test_arguments_that_the_factory_does_not_take_are_refused():
    with pytest.raises(DataError, match=r"TypeError: .*unexpected keyword argument 'depth'"):
        make(Gru, "toy", FEATURES, 3, {"depth": 2}, 0, torch.float32)


def test_the_way_out_of_running_statistics_works():
    def factory(inputs, outputs):
        return without_running_statistics(
            nn.Sequential(nn.Linear(inputs.size, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, outputs))
        )

    network = make(factory, "toy", FEATURES, 3, {}, 0, torch.float32)
    assert network.mixes
    assert network.head_path == "3"


def test_the_head_is_found_by_name_or_is_the_last_linear_layer():
    def headed(**layers):
        def factory(inputs, outputs):
            module = Base(inputs, outputs)
            del module.head
            for name, layer in layers.items():
                setattr(module, name, layer)
            last = next(name for name, layer in layers.items() if getattr(layer, "out_features", 0) == outputs)
            module.__class__ = type("Headed", (Base,), {"forward": lambda m, x: getattr(m, last)(m.stem(x))})
            return module

        return make(factory, "toy", FEATURES, 3, {}, 0, torch.float64)

    assert headed(fc=nn.Linear(4, 3)).head_path == "fc"
    assert headed(classifier=nn.Linear(4, 3)).head_path == "classifier"
    assert headed(output=nn.Linear(4, 3)).head_path == "output"
    assert headed(output=nn.Linear(4, 3), head="output").head_path == "output"
    assert headed(output=nn.Linear(4, 3)).embedding == 4
    assert headed(output=nn.Linear(4, 3, bias=False)).embedding == 0
    convolution = make(Conv, "toy", Inputs("image", (1, 2, 2)), 3, {}, 0, torch.float64)
    assert (convolution.head_path, convolution.embedding) == (None, 0)


class Conv(nn.Module):
    """A network without a head."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(1, outputs, 2)

    def forward(self, x):
        return self.conv(x).flatten(1)


def test_global_generators_are_seeded_for_the_factory_and_left_alone():
    def factory(inputs, outputs):
        module = Base(inputs, outputs)
        module.stem.bias.data.fill_(np.random.random())  # noqa: NPY002
        return module

    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first, again = (make(factory, "toy", FEATURES, 3, {}, 0, torch.float32).initial for _ in range(2))
    assert torch.equal(first["toy.body.stem.bias"], again["toy.body.stem.bias"])
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_precision_is_that_of_the_run():
    for factory, inputs in ((NormedMlp, FEATURES), (Cnn, Inputs("image", (1, 4, 4)))):
        made = make(factory, "toy", inputs, 3, {}, 0, torch.float64)
        assert {value.dtype for value in made.initial.values()} == {torch.float64}
