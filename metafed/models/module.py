"""Any ``torch.nn.Module`` as a network: a function of every client's own parameters, exact to second order.

``torch.func.functional_call`` takes the parameters as an argument, and ``torch.func.vmap`` adds the client axis. Where
vmap has no rule for an operation (``nn.GRU``), a loop over clients computes the same.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from metafed.core.errors import DataError
from metafed.core.parameters import TRUNK, Params
from metafed.models.base import Network
from metafed.models.inputs import Inputs
from metafed.models.lengths import by_length

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
"""Layers of norms; those of batch and instance norms have the first class in common."""
LONE = "a batch norm of one row has no statistics; use GroupNorm or LayerNorm, or batches that leave no row alone"
One = Callable[[Params, "torch.Tensor"], "torch.Tensor"]
"""A function of one client's parameters and rows ``(N, …)``."""


@final
@dataclass(frozen=True, eq=False)
class ModuleNetwork(Network):
    """A user's module, made and checked by ``metafed.models.making``.

    Attributes:
        inputs: What the module takes.
        module: It; of its own values only those count that are frozen, and its buffers.
        trunk: Path of the submodule that families share; None if there is none.
        head_path: Path of the head; None where the module has none.
        vectorized: Whether vmap computes it, or a loop over clients.
        row_numbers: Numbers that one row leaves in memory for the derivative of a gradient.
        row_once: Numbers that one row leaves in memory for a gradient that is not differentiated.
        mixes: Whether rows of a batch see one another, by batch norm: padding is then left out first.
        fewest: Rows of a client that it needs at once: 2 where a batch norm has one value a channel of a row.
        seen: Width of what the head sees, where the outputs are those of a linear head with a bias; else 0.
    """

    inputs: Inputs
    module: nn.Module
    trunk: str | None
    head_path: str | None
    vectorized: bool = False
    row_numbers: int = 0
    row_once: int = 0
    mixes: bool = False
    fewest: int = 1
    seen: int = 0

    settings = frozenset()

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """Name in θ → path in the module, of what is trained."""
        return {self.name_of(path): path for path, value in self.module.named_parameters() if value.requires_grad}

    def name_of(self, path: str) -> str:
        """Return a parameter's name in θ: ``avatar.head.weight``, ``avatar.body.gru.bias_hh_l0``, ``trunk.norm.…``."""
        for part, rest, root in ((self.part, "head", self.head_path), (TRUNK, "body", self.trunk)):
            if root is not None and (path == root or path.startswith(f"{root}.")):
                rest = "norm" if rest == "body" and path in self._norms else rest
                return f"{part}.{rest}{path.removeprefix(root)}"
        return f"{self.part}.{'norm' if path in self._norms else 'body'}.{path}"

    @cached_property
    def _norms(self) -> frozenset[str]:
        """Paths of the parameters of norm layers."""
        found = ((root, each) for root, each in self.module.named_modules() if isinstance(each, NORMS))
        return frozenset(f"{root}.{name}" for root, each in found for name, _ in each.named_parameters())

    @property
    def skips(self) -> bool:
        """Whether padding need not be computed: the module says so by ``skips_padding = True``."""
        return self.inputs.masked and not self.mixes and getattr(self.module, "skips_padding", False) is True

    @property
    def constants(self) -> "Mapping[str, torch.Tensor]":
        """What is frozen, and buffers, by path in the module, in order of the paths."""
        own, trained = dict([*self.module.named_parameters(), *self.module.named_buffers()]), set(self.paths.values())
        return {path: own[path] for path in sorted(own) if path not in trained}

    @property
    def initial(self) -> "dict[str, torch.Tensor]":
        """The values with which the module was made, by name in θ."""
        own = dict(self.module.named_parameters())
        return {name: own[path].detach().cpu().clone() for name, path in self.paths.items()}

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of all trained parameters, as the module has them."""
        return {name: tuple(value.shape) for name, value in self.initial.items()}

    @property
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of what is not of the head."""
        return {name: shape for name, shape in self.shapes.items() if not name.startswith(f"{self.part}.head")}

    @property
    def embedding(self) -> int:
        """Width of what a linear head sees; 0 where the outputs are not those of a linear head with a bias."""
        return self.seen

    def linear_head(self, weight: "torch.Tensor", bias: "torch.Tensor") -> Params:
        """Return a head's parameters from weights ``(C, I, O)`` and biases ``(C, O)``: a module's are ``(C, O, I)``."""
        return {f"{self.part}.head.weight": weight.mT, f"{self.part}.head.bias": bias}

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs ``(C, N, outputs)`` for flattened inputs ``(C, N, features)``."""
        return self._each(self.one, params, x, mask)

    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return what the head sees, ``(C, N, embedding)``."""
        return self._each(self.seen_by_head, params, x, mask)

    def one(self, own: Params, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs of one client's rows ``(N, features)``; what ``own`` lacks is as the module was made."""
        given = {self.paths[name]: value for name, value in own.items()}
        # of a sequence some padding may have been left out
        rows = x.unflatten(1, (-1, *self.inputs.shape[1:]))
        rows = rows.long() if self.inputs.vocabulary else rows
        return functional_call(self.module, given, (rows,))  # type: ignore[no-any-return]

    @property
    def last(self) -> nn.Module | None:
        """The head."""
        return None if self.head_path is None else self.module.get_submodule(self.head_path)

    def seen_by_head(self, own: Params, x: "torch.Tensor") -> "torch.Tensor":
        """Return what the head gets for one client's rows."""
        seen: list[torch.Tensor] = []
        assert self.last is not None, "who needs a head has asked for one"
        hook = self.last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self.one(own, x)
        finally:
            hook.remove()
        return seen[-1]

    def _each(self, one: One, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
        if next(self.module.parameters()).device != x.device:
            self.module.to(x.device)
        if self.fewest > 1 and 1 in ([x.shape[1]] if mask is None else (mask > 0).sum(1)):
            raise DataError(LONE)
        own = {name: params[name] for name in self.paths if name in params}
        # the other backends of attention have no second derivative on a CPU
        with sdpa_kernel(SDPBackend.MATH):
            if self.mixes and mask is not None and not bool(mask.all()):
                # padding lies anywhere: an episode's rows for support end before those for the query
                real, pieces = mask.bool(), []
                for client, (rows, kept) in enumerate(zip(x, real, strict=True)):
                    y = one(at(own, client), rows[kept])
                    pieces.append(y.new_zeros(len(kept), *y.shape[1:]).index_put((kept,), y))
                return torch.stack(pieces)
            if self.skips:
                return by_length(lambda rows: self._clients(one, own, rows), x, self.inputs.shape[0])
            return self._clients(one, own, x)

    def _clients(self, one: One, own: Params, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs of rows that are all computed."""
        if self.vectorized:
            return vmap(one)(own, x)
        return torch.stack([one(at(own, client), rows) for client, rows in enumerate(x)])

    @property
    def in_full(self) -> int:
        """Numbers that θ would have if nothing were frozen; a module that leaves frozen ones out says so itself."""
        whole = sum(value.numel() for value in self.module.parameters())
        return max(whole, int(getattr(self.module, "in_full", 0)))

    @property
    def how(self) -> str:
        """What computes it, in words."""
        return "vmap over clients" if self.vectorized else "a loop over clients: vmap has no rule for all of it"

    @property
    def about(self) -> dict[str, Any]:
        """What a manifest says of the module: what computes it, its head and trunk, a hash of all that is frozen."""
        digest, numbers = hashlib.sha256(), 0
        for path, value in self.constants.items():
            digest.update(f"{path}:{value.dtype}:{tuple(value.shape)};".encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
            numbers += value.numel()
        trained_numbers = sum(value.numel() for value in self.initial.values())
        return {
            "computed_by": "vmap" if self.vectorized else "loop",
            "head": self.head_path,
            "trunk": self.trunk,
            "trained": trained_numbers,
            "bytes_sent": trained_numbers * next(iter(self.initial.values())).itemsize,
            "bytes_in_full": self.in_full * next(iter(self.initial.values())).itemsize,
            "frozen": numbers,
            "frozen_sha256": digest.hexdigest() if numbers else None,
        }


def at(params: Params, client: int) -> "dict[str, torch.Tensor]":
    """Return one client's parameters."""
    return {name: value[client] for name, value in params.items()}
