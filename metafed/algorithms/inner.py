"""The inner step that all gradient-based algorithms share."""

import torch

from metafed.episodes import Batch
from metafed.parameters import Params
from metafed.tasks import Task


def gradient_step(
    task: Task, params: Params, support: Batch, rate: float, *, differentiable: bool
) -> "dict[str, torch.Tensor]":
    """One step down each client's own support loss: ``φ ← φ − α ∇L(φ; S)``.

    Args:
        task: The clients' network and loss.
        params: Personal parameters ``(C, …)`` that require gradients.
        support: The rows to adapt on.
        rate: Inner learning rate α.
        differentiable: Keep the graph, so that what follows can be differentiated through this step.
            Without it the step's gradient is a constant, as in first-order MAML.
    """
    losses = task.loss(task.predict(params, support.x), support)
    # clients are independent: the gradient of the sum is the stack of the clients' own gradients
    gradients = torch.autograd.grad(losses.sum(), list(params.values()), create_graph=differentiable)
    return {name: phi - rate * g for (name, phi), g in zip(params.items(), gradients, strict=True)}
