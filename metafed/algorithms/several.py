"""Several models at the server: a parameter of θ has an axis for them, ``(M, …)``, and a client's are ``(C, M, …)``."""

from typing import Annotated, TypeAlias

import torch
from pydantic import Field

from metafed.core.parameters import Params
from metafed.core.streams import stream

Models: TypeAlias = Annotated[int, Field(ge=2, le=100, description="Models M at the server.")]


def several(theta: Params, models: int) -> "dict[str, torch.Tensor]":
    """Return θ of so many models: the first is the network's, the others have its numbers in another order.

    So each tensor of each model is drawn from the distribution that the network's initialization has, and no two models
    are alike, without another seed. What is equal in all of a tensor, such as biases of 0, stays so.
    """
    found = {}
    for name, value in theta.items():
        orders = [stream(0, f"models/{name}", number).permutation(value.numel()) for number in range(1, models)]
        others = [value.flatten()[torch.from_numpy(order).to(value.device)].view_as(value) for order in orders]
        found[name] = torch.stack([value, *others])
    return found
