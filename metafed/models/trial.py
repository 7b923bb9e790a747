"""A user's module is run once, before any client is trained: whether it is a function, and what computes it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.models.inputs import Inputs
from metafed.models.module import ModuleNetwork

ROWS = 4
"""Rows of the trial."""
STEPS = (1e-6, 1e-8)
"""Distances at which gradients are compared. Where a large network has a kink (ReLU, pooling) between two places, they
differ by more than the second derivative says; the shorter the distance, the rarer that is."""
TIMES = 8
"""How often these rows are in a larger batch, which must be possible, too."""


def tried(network: ModuleNetwork, dtype: "torch.dtype") -> ModuleNetwork:
    """Run a network once, and return it with what was learned: what can compute it, and what a row takes.

    Raises:
        DataError: It cannot be used; the message says why.
    """
    module, own = network.module, network.initial
    mixes = any(isinstance(each, nn.modules.batchnorm._NormBase) for each in module.modules())
    x = sample(network.inputs, dtype)
    before = {path: (value.clone(), writes(value)) for path, value in network.constants.items()}
    given = x.clone()
    whole = _output(network, own, given, ROWS)
    if not torch.equal(given, x):
        raise DataError("forward writes into its inputs, which are a client's data; copy them first")
    for path, value in network.constants.items():
        if not (path in before and torch.equal(value, before[path][0]) and writes(value) == before[path][1]):
            raise DataError(
                f"forward changes {path!r}; buffers and what is frozen are constants, the same for every client"
            )
    if not bool(whole.isfinite().all()):
        raise DataError(
            "its outputs are not finite at the start, for normal inputs or for a row of zeros, as padding is"
        )
    if not torch.equal(_output(network, own, x.clone(), ROWS, 1), whole):
        raise DataError("two calls of forward differ: it draws random numbers, such as dropout; leave that out")
    for rows in (2, TIMES * ROWS) if mixes else (1, 2, TIMES * ROWS):
        other = _output(network, own, x.repeat(TIMES, 1)[:rows], rows)
        if not mixes and not torch.allclose(other[:ROWS], whole[:rows], rtol=1e-3, atol=1e-4):
            raise DataError(
                "the outputs of a row depend on what else is in the batch; the first axis counts rows (attention and"
                " recurrent layers: batch_first=True)"
            )
    clients = {name: torch.stack([value, value]) for name, value in own.items()}
    if network.skips and not torch.allclose(
        network.predict(clients, torch.stack([x, x]))[0].detach(), whole, rtol=1e-3, atol=1e-4
    ):
        raise DataError("it says skips_padding = True, and its outputs depend on how much padding comes first")
    pair = torch.stack([x, x.flip(0)])
    loop = replace(network, mixes=mixes, fewest=2 if mixes and not _takes_one(network, own, x) else 1)
    try:
        slow = _twice(loop, clients, pair)
        unused = [network.paths[name] for name, value in slow.items() if value is None]
    except RuntimeError as error:
        raise DataError(f"its gradient cannot be differentiated: {brief(error, 200)}") from None
    if unused:
        raise DataError(f"parameter {unused[0]!r} plays no part in the outputs; leave it out, or freeze it")
    if any(not bool(value.isfinite().all()) for value in slow.values() if value is not None):
        raise DataError("its gradients are not finite at the start, for normal inputs or for a row of zeros")
    check_curvature(loop, own, x, dtype)
    return replace(
        loop,
        vectorized=_vectorizes(loop, clients, pair, slow),
        row_numbers=_row_numbers(loop, own, x, graph=True),
        row_once=_row_numbers(loop, own, x, graph=False),
        seen=_seen(loop, own, x, whole),
    )


def writes(value: "torch.Tensor") -> int:
    """Return how often something was written into a tensor, as far as PyTorch knows."""
    return 0 if value.is_inference() else value._version


def sample(inputs: Inputs, dtype: "torch.dtype") -> "torch.Tensor":
    """Return flattened rows ``(ROWS, size)`` as a family may have them; the last is zeros, as padding is."""
    generator = torch.Generator().manual_seed(0)
    if inputs.vocabulary:
        x = torch.randint(inputs.vocabulary, (ROWS, inputs.size), generator=generator).to(dtype)
    else:
        x = torch.randn(ROWS, inputs.size, generator=generator, dtype=dtype)
    if inputs.kind == "sequence":
        moments = x.view(ROWS, inputs.shape[0], -1)
        if inputs.masked:
            moments[..., -1] = 1
        moments[0, : inputs.shape[0] // 2] = 0  # a row that begins with padding
    x[-1] = 0
    return x


def _output(network: ModuleNetwork, own: Any, x: "torch.Tensor", rows: int, seed: int = 0) -> "torch.Tensor":
    """Return the outputs of one client's rows under a seed of the global generator.

    Raises:
        DataError: forward raises, or returns something else.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            y = network.one(own, x)
        except Exception as error:
            raise DataError(
                f"forward raised {type(error).__name__} for {rows} rows of {network.inputs.shape}: {brief(error, 200)}"
            ) from None
    shape, wanted = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__, (rows, network.outputs)
    if shape != wanted:
        raise DataError(f"forward returned {shape} for {rows} rows; expected a tensor of shape {wanted}")
    if y.device != x.device:
        raise DataError(
            f"forward moves its outputs to {y.device}; leave them where the inputs are, --device moves both"
        )
    if y.dtype != x.dtype:
        raise DataError(f"forward returned {y.dtype} for inputs of {x.dtype}; keep the inputs' type")
    return y


def _takes_one(network: ModuleNetwork, own: Any, x: "torch.Tensor") -> bool:
    """Say whether a single row can be computed: a batch norm has then several values a channel, as of an image."""
    try:
        _output(network, own, x[:1].clone(), 1)
    except DataError:
        return False
    return True


def _twice(network: ModuleNetwork, clients: Any, x: "torch.Tensor") -> "dict[str, torch.Tensor | None]":
    """Return the gradient of a client's loss plus that of the gradient's own length, None for what takes no part."""
    own = {name: value.clone().requires_grad_() for name, value in clients.items()}
    loss = network.predict(own, x).square().sum()
    first = torch.autograd.grad(loss, list(own.values()), create_graph=True, allow_unused=True)
    length = loss + sum(value.square().sum() for value in first if value is not None)
    second = torch.autograd.grad(length, list(own.values()), allow_unused=True)
    return dict(zip(own, second, strict=True))


def check_curvature(network: ModuleNetwork, own: Any, x: "torch.Tensor", dtype: "torch.dtype") -> None:
    """Compare a product with the Hessian with differences of gradients, in float64.

    PyTorch takes what was written to be differentiated once (``once_differentiable``) for a constant, and says nothing:
    a meta-gradient through it would be wrong.

    Raises:
        DataError: They differ, or forward cannot be run in float64.
    """
    default = torch.get_default_dtype()
    kept = [(value, value.data) for value in network.module.parameters()]
    torch.set_default_dtype(torch.float64)
    network.module.double()

    def slopes(at: Any, graph: bool = False) -> "tuple[torch.Tensor, ...]":
        with sdpa_kernel(SDPBackend.MATH):
            y = network.one(at, x[:-1].double())
            return torch.autograd.grad(y.square().sum(), [*at.values()], create_graph=graph)

    def moved(by: float) -> "dict[str, torch.Tensor]":
        pairs = zip(start.items(), way, strict=True)
        return {name: (value + by * step).detach().requires_grad_() for (name, value), step in pairs}

    try:
        # beside where the module begins, and without the row of zeros: at 0 a ReLU has a kink
        generator = torch.Generator().manual_seed(0)
        noise = {name: torch.randn(value.shape, generator=generator) for name, value in own.items()}
        start = {name: (value.double() + 0.01 * noise[name]).requires_grad_() for name, value in own.items()}
        first = slopes(start, graph=True)
        way = [value.detach() for value in first]
        product = torch.autograd.grad(first, [*start.values()], way, allow_unused=True)
        largest = max(1e-12, *(float(value.abs().max()) for value in way))
        agree = any(
            _agree(product, way, slopes(moved(step)), slopes(moved(-step)), 2 * step)
            for step in (size / largest for size in STEPS)
        )
    except RuntimeError as error:
        raise DataError(
            f"its second derivatives cannot be checked in float64: {brief(error, 200)}; have forward keep its inputs'"
            " type, and use operations that can be differentiated twice"
        ) from None
    finally:
        torch.set_default_dtype(default)
        network.module.to(dtype)
        for value, data in kept:
            value.data = data  # frozen weights that are mapped from a file stay so, and processes share them
    if not agree:
        raise DataError(
            "its second derivatives are not those of its outputs: an operation can be differentiated once only; write"
            " it by operations of torch"
        )


def _agree(product: Any, way: Any, ahead: Any, behind: Any, apart: float) -> bool:
    """Say whether a product with the Hessian is the difference of the gradients at two places that are ``apart``."""
    found = [(one - other) / apart for one, other in zip(ahead, behind, strict=True)]
    pairs = zip(found, product, strict=True)
    away = sum(float((value - (0 if exact is None else exact)).square().sum()) for value, exact in pairs)
    return away <= 1e-6 * sum(float(value.square().sum()) for value in (*found, *way))


def _vectorizes(network: ModuleNetwork, clients: Any, x: "torch.Tensor", slow: Mapping[str, Any]) -> bool:
    """Say whether vmap computes the network, and to the same gradients as a loop."""
    try:
        fast = _twice(replace(network, vectorized=True), clients, x)
    except (RuntimeError, ValueError, NotImplementedError):
        return False  # no rule for an operation
    scale = max(float(value.abs().max()) for value in slow.values() if value.numel())
    return all(
        (found := fast[name]) is not None and bool((found - value).abs().max() <= 1e-3 * scale)
        for name, value in slow.items()
        if value.numel()
    )


def _seen(network: ModuleNetwork, own: Any, x: "torch.Tensor", y: "torch.Tensor") -> int:
    """Return the width of what a linear head sees whose outputs ``y`` are the network's; 0 where they are not."""
    head = network.last
    if not isinstance(head, nn.Linear) or head.bias is None:
        return 0
    with torch.no_grad():
        seen = network.seen_by_head(own, x)
        same = seen.ndim == 2 and torch.allclose(head(seen), y, rtol=1e-3, atol=1e-4)
    return head.in_features if same else 0


def _row_numbers(network: ModuleNetwork, own: Any, x: "torch.Tensor", *, graph: bool) -> int:
    """Return how many numbers one row leaves in memory for a gradient, which can be differentiated if ``graph``."""

    def left(rows: int) -> int:
        counted = 0

        def count(tensor: "torch.Tensor") -> "torch.Tensor":
            nonlocal counted
            counted += tensor.numel()
            return tensor

        leaves = {name: value.clone().requires_grad_() for name, value in own.items()}
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor), sdpa_kernel(SDPBackend.MATH):
            loss = network.one(leaves, x[:rows]).square().sum()
            torch.autograd.grad(loss, list(leaves.values()), create_graph=graph)
        return counted

    return max(1, (left(ROWS) - left(ROWS - 2)) // 2)
