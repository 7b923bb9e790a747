"""The network: family stem, shared trunk, family head, as functions of parameters with a client axis.

A family's stem maps its own features to the trunk's width, the trunk is common to all families, the
head maps to the family's outputs. Only linear layers: no state, no statistics shared by clients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

from metafed.parameters import TRUNK, Layout, Params
from metafed.streams import stream

Activation: TypeAlias = Literal["relu", "tanh"]


@dataclass(frozen=True)
class Mlp:
    """Stem and head of ``part``, around a trunk of ``depth`` layers ``width → width``."""

    part: str
    features: int
    outputs: int
    width: int
    depth: int
    activation: Activation

    @property
    def body(self) -> tuple[tuple[str, int, int], ...]:
        """Layers below the head, as ``(name, inputs, outputs)``."""
        stem = (f"{self.part}.stem", self.features, self.width)
        return (stem, *((f"{TRUNK}.{i}", self.width, self.width) for i in range(self.depth)))

    @property
    def head(self) -> tuple[str, int, int]:
        """The last layer, as ``(name, inputs, outputs)``."""
        return (f"{self.part}.head", self.width, self.outputs)

    def embed(self, params: Params, x: "torch.Tensor") -> "torch.Tensor":
        """Return the features ``(C, N, width)`` that the head sees, for inputs ``x (C, N, features)``."""
        act = torch.relu if self.activation == "relu" else torch.tanh
        for name, _, _ in self.body:
            x = act(linear(params, name, x))
        return x

    def predict(self, params: Params, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(C, N, outputs)`` for inputs ``x (C, N, features)``."""
        return linear(params, self.head[0], self.embed(params, x))


def is_head(name: str) -> bool:
    """Say whether parameter ``name`` is of a head: ``avatar.head.bias``."""
    return name.split(".")[1] == "head"


def linear(params: Params, name: str, x: "torch.Tensor") -> "torch.Tensor":
    """Each client's own affine map: ``x (C, N, I)``, weight ``(C, I, O)``, bias ``(C, O)`` → ``(C, N, O)``."""
    return torch.baddbmm(params[f"{name}.bias"].unsqueeze(1), x, params[f"{name}.weight"])


def layout(models: Mapping[str, Mlp]) -> Layout:
    """Return the layout of the one θ that serves all ``models``; the trunk comes first."""
    layers: dict[str, tuple[int, int]] = {}
    for model in models.values():
        for name, inputs, outputs in (*model.body[1:], model.body[0], model.head):
            layers[name] = (inputs, outputs)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (inputs, outputs) in sorted(layers.items(), key=lambda item: not item[0].startswith(TRUNK)):
        shapes[f"{name}.weight"] = (inputs, outputs)
        shapes[f"{name}.bias"] = (outputs,)
    return Layout(shapes)


def initialize(shape_of: Layout, seed: int, dtype: "torch.dtype") -> "dict[str, torch.Tensor]":
    """Draw θ: weights normal with variance ``2 / inputs`` (He et al. 2015), heads a tenth of that; biases 0."""
    theta = {}
    for name, shape in shape_of.shapes.items():
        if name.endswith(".bias"):
            values = np.zeros(shape)
        else:
            scale = np.sqrt((0.2 if is_head(name) else 2.0) / shape[0])
            # one stream a tensor: adding a family leaves the others' initial values as they are
            values = scale * stream(seed, f"initialize/{name}").standard_normal(shape)
        theta[name] = torch.from_numpy(values).to(dtype)
    return theta
