"""What a network is: a body that embeds a client's inputs, and a linear head, with a parameter set for every client."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np
import torch

from metafed.core.parameters import TRUNK, Layout, Params
from metafed.core.streams import stream
from metafed.models.pointwise import Activation, activate
from metafed.native.choice import Kernels


@dataclass(frozen=True)
class Network(ABC):
    """A network as a function of parameters ``(C, …)`` and inputs ``(C, N, features)``: C clients at once.

    Attributes:
        part: The family whose stem and head these are.
        outputs: Classes, or numbers to predict.
        kernels: What computes it on a CPU: PyTorch's kernels or ours, which agree up to rounding.
        settings: Names of the experiment's settings that shape a network of this kind.
        smallest: Height and width, at least, of images that it takes.
        on_trunk: Whether it shares the trunk with other families' networks.
        row_numbers: Numbers that one row leaves in memory in a pass, where that was measured; 0: it was not.
        row_once: The same for a gradient that is not differentiated.
    """

    part: str
    outputs: int
    kernels: Kernels = field(default="torch", kw_only=True)

    settings: ClassVar[frozenset[str]]
    smallest: ClassVar[int] = 1
    on_trunk: ClassVar[bool] = False
    row_numbers = 0
    row_once = 0

    @property
    @abstractmethod
    def embedding(self) -> int:
        """Width of what the head sees."""

    @property
    @abstractmethod
    def body(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the parameters below the head, without the client axis."""

    @abstractmethod
    def embed(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return what the head sees, ``(C, N, embedding)``.

        Args:
            params: Each client's own parameters ``(C, …)``.
            x: Inputs ``(C, N, features)``; images are flattened.
            mask: Above 0 for a row and 0 for padding ``(C, N)``; None where every row is real. Padded rows
                hold zeros and enter no statistic of the others; what they are embedded as means nothing.
        """

    @property
    def head(self) -> tuple[str, int, int]:
        """The last layer, as ``(name, inputs, outputs)``."""
        return (f"{self.part}.head", self.embedding, self.outputs)

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of all parameters, without the client axis."""
        return {**self.body, **affine_shapes(*self.head)}

    def predict(self, params: Params, x: "torch.Tensor", mask: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Return the outputs ``(C, N, outputs)``; the arguments are those of ``embed``."""
        return self.affine(params, self.head[0], self.embed(params, x, mask))

    def linear_head(self, weight: "torch.Tensor", bias: "torch.Tensor") -> Params:
        """Return the head's parameters from weights ``(C, embedding, outputs)`` and biases ``(C, outputs)``."""
        return {f"{self.head[0]}.weight": weight, f"{self.head[0]}.bias": bias}

    @final
    def affine(
        self, params: Params, name: str, x: "torch.Tensor", activation: Activation | None = None
    ) -> "torch.Tensor":
        """Each client's own affine map with what follows: ``x (C, N, I)``, weight ``(C, I, O)`` → ``(C, N, O)``."""
        weight, bias = params[f"{name}.weight"], params[f"{name}.bias"]
        if self.kernels == "native" and x.device.type == "cpu" and weight[0].numel() <= LARGEST:
            from metafed.native.affine import affine

            y = affine(x, weight, bias, relu=activation == "relu")
            return activate("tanh", y) if activation == "tanh" else y
        y = torch.baddbmm(bias.unsqueeze(1), x, weight)
        return y if activation is None else activate(activation, y)


def is_head(name: str) -> bool:
    """Say whether parameter ``name`` is of a head: ``avatar.head.bias``."""
    return name.split(".")[1] == "head"


def is_norm(name: str) -> bool:
    """Say whether parameter ``name`` is of a norm layer: ``omniglot.norm.0.scale``."""
    return name.split(".")[1] == "norm"


LARGEST = 2**17
"""Numbers in a weight matrix that still lies in a processor's cache; beyond it a BLAS is as fast."""


def affine_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the parameters of ``Network.affine``."""
    return {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}


def layout(models: Mapping[str, Network]) -> Layout:
    """Return the layout of the one θ that serves all ``models``; the trunk comes first."""
    shapes = {name: shape for model in models.values() for name, shape in model.shapes.items()}
    return Layout(dict(sorted(shapes.items(), key=lambda item: not item[0].startswith(TRUNK))))


def initialize(shape_of: Layout, seed: int, dtype: "torch.dtype") -> "dict[str, torch.Tensor]":
    """Draw θ.

    Weights ``(I, O)`` or ``(O, I, 3, 3)`` are normal with variance ``2 / inputs`` (He et al. 2015), heads a
    tenth of that; a norm's scales are 1; biases and shifts are 0. A stem of one input is uniform in ±1.
    """
    theta = {}
    for name, shape in shape_of.shapes.items():
        # one stream a tensor: adding a family leaves the others' initial values as they are
        rng = stream(seed, f"initialize/{name}")
        if ".stem." in name and shape_of.shapes[name.replace("bias", "weight")][0] == 1:
            # with one input and biases of 0 all kinks lie at x = 0, and learning takes many times longer
            values = rng.uniform(-1, 1, shape)
        elif name.endswith(".weight"):
            inputs = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
            values = np.sqrt((0.2 if is_head(name) else 2.0) / inputs) * rng.standard_normal(shape)
        else:
            values = np.ones(shape) if name.endswith(".scale") else np.zeros(shape)
        theta[name] = torch.from_numpy(values).to(dtype)
    return theta
