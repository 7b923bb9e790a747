"""From a user's factory to a network: the module is made under a stream of the seed, looked at, and tried once.

Every reason to refuse it is a message of one line, before any client is trained.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.core.streams import stream
from metafed.models.inputs import Inputs
from metafed.models.module import ModuleNetwork
from metafed.models.trial import tried

HEADS = ("head", "classifier", "fc")
"""Names of a module's last layer, the first that it has; without one of them it is the last ``nn.Linear``."""
Arguments = Mapping[str, bool | int | float | str]


def make(
    factory: Callable[..., Any],
    part: str,
    inputs: Inputs,
    outputs: int,
    arguments: Arguments,
    seed: int,
    dtype: "torch.dtype",
) -> ModuleNetwork:
    """Call a factory and return what it makes as a network of family ``part``.

    Args:
        factory: Called as ``factory(inputs, outputs, **arguments)``; returns a module.
        part: The family.
        inputs: What the module takes.
        outputs: Numbers that it returns for a row.
        arguments: The factory's keyword arguments.
        seed: Decides the initial values.
        dtype: Of the parameters.

    Raises:
        DataError: The module cannot be used; the message says why, and what to do.
    """
    with seeded(seed, f"initialize/module/{part}"):
        try:
            module = factory(inputs, outputs, **arguments)
        except (Exception, SystemExit) as error:
            raise DataError(
                f"the factory raised {type(error).__name__}: {brief(error, 200)}; it is called with the inputs"
                f" ({inputs}), the number of outputs ({outputs}), and --network.KEY VALUE as keywords"
            ) from None
    check(module)
    network = ModuleNetwork(part, outputs, inputs, module.train().to(dtype), named(module, "trunk"), head_of(module))
    head, trunk = network.head_path, network.trunk
    if head is not None and trunk is not None and f"{head}.".startswith(f"{trunk}."):
        raise DataError(f"its head {head!r} lies in its trunk {trunk!r}; a head is the family's own")
    return tried(network, dtype)


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Have the global generators, which modules draw from, begin at a stream's address; leave them as they were."""
    numbers, states = stream(seed, name), (random.getstate(), np.random.get_state())  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(numbers.integers(2**63)))
        random.seed(int(numbers.integers(2**63)))
        np.random.seed(int(numbers.integers(2**32)))  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def check(module: Any) -> None:
    """Refuse what cannot be trained as a function of its parameters.

    Raises:
        DataError: The message says what.
    """
    if not isinstance(module, nn.Module):
        raise DataError(f"the factory returned {type(module).__name__}, not a torch.nn.Module")
    names: dict[int, str] = {}
    for path, value in module.named_parameters(remove_duplicate=False):
        if isinstance(value, nn.parameter.UninitializedParameter):
            raise DataError(f"parameter {path!r} has no shape yet (a lazy layer); take it from the inputs' shape")
        if id(value) in names:
            raise DataError(
                f"one parameter has two names, {names[id(value)]!r} and {path!r}: in the inner loop they would part;"
                " keep one, and use it twice in forward"
            )
        names[id(value)] = path
        if not value.is_floating_point():
            raise DataError(f"parameter {path!r} is {value.dtype}; parameters are real numbers, others are buffers")
    for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.device.type != "cpu":
            raise DataError(f"{path!r} is on {tensor.device}; make the module on the CPU, --device moves it")
        if not bool(tensor.isfinite().all()):
            raise DataError(f"{path!r} is not finite at the start")
    if not any(value.requires_grad for value in module.parameters()):
        raise DataError("the module has no parameter to train")
    for path, each in module.named_modules():
        if isinstance(each, nn.modules.batchnorm._NormBase) and each.running_mean is not None:
            raise DataError(
                f"{path!r} ({type(each).__name__}) keeps running statistics, which belong to no client; return"
                " metafed.models.without_running_statistics(module), set track_running_stats=False, or use GroupNorm"
            )
        chance = getattr(each, "p" if isinstance(each, nn.modules.dropout._DropoutNd) else "dropout", 0.0)
        if isinstance(each, nn.modules.dropout._DropoutNd | nn.MultiheadAttention | nn.RNNBase) and chance > 0:
            raise DataError(
                f"{path!r} ({type(each).__name__}) drops numbers at random ({chance:g}): the inner loop and its"
                " derivative need the same function at every call; set it to 0"
            )
        if isinstance(each, nn.Embedding | nn.EmbeddingBag) and each.sparse:
            raise DataError(f"{path!r} has sparse gradients, which have no second derivative; set sparse=False")


def named(module: nn.Module, attribute: str) -> str | None:
    """Return the path of the submodule that a module names, as by ``trunk = "encoder"``; None if it names none.

    Raises:
        DataError: There is no such submodule.
    """
    path = getattr(module, attribute, None)
    if not isinstance(path, str):
        return None
    known = [name for name, _ in module.named_modules() if name]
    if path not in known:
        raise DataError(f"{attribute} = {path!r}: the module has no such submodule (it has {', '.join(known)})")
    return path


def head_of(module: nn.Module) -> str | None:
    """Return the path of the module's head; None where it has none, or none that is trained."""
    path = named(module, "head") or next((n for n in HEADS if isinstance(getattr(module, n, None), nn.Module)), None)
    if path is None:
        path = next(
            (n for n, each in reversed(list(module.named_modules())) if n and isinstance(each, nn.Linear)), None
        )
    if path is None or not any(value.requires_grad for value in module.get_submodule(path).parameters()):
        return None
    return path
