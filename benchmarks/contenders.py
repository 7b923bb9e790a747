"""The same round in other people's ways: a plain loop, a loop in learn2learn's manner, and stock Flower's client."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn

from metafed.core.episodes import Batch
from metafed.core.parameters import part_of
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.tasks.task import Task, task_of

Theta = dict[str, torch.Tensor]


class Central:
    """θ, the data and the networks of an experiment in one process, one client at a time."""

    def __init__(self, experiment: Experiment) -> None:
        # the others compute with PyTorch alone
        experiment = experiment.model_copy(update={"kernels": "torch"})
        self.experiment = experiment
        federation = Federation(experiment)
        self.population, self.tasks = federation.population, dict(federation.tasks)
        for family, module in federation.modules.items():
            # as a user calls a module: without a client axis
            self.tasks[family] = task_of(replace(module, vectorized=False), federation.tasks[family].kind)

    def family(self, client: int) -> str:
        return self.population.roster.family(client)

    def episode(self, client: int, server_round: int):
        return self.population.training([client], server_round).episode

    def step(self, theta: Theta, total: Theta, counts: dict[str, int]) -> Theta:
        rate = self.experiment.outer.rate
        return {n: t - rate * total[n] / counts[part_of(n)] if counts.get(part_of(n)) else t for n, t in theta.items()}


def loop_gradient(central: Central, theta: Theta, client: int, server_round: int) -> Theta:
    """The textbook: plain autograd with create_graph on one client."""
    task, (support, query) = central.tasks[central.family(client)], central.episode(client, server_round)
    held = ("trunk", central.family(client))
    leaves = {n: t.clone().requires_grad_() for n, t in theta.items() if part_of(n) in held}
    params = {n: t.unsqueeze(0) for n, t in leaves.items()}
    for _ in range(central.experiment.algorithm.inner_steps):
        loss = loss_of(task, params, support)
        gradients = torch.autograd.grad(loss, list(params.values()), create_graph=True)
        rate = central.experiment.algorithm.inner_lr
        params = {n: p - rate * g for (n, p), g in zip(params.items(), gradients, strict=True)}
    return dict(zip(leaves, torch.autograd.grad(loss_of(task, params, query), list(leaves.values())), strict=True))


class Module(nn.Module):
    """A family's network as torch users have it: a module that owns its parameters."""

    def __init__(self, task: Task, params: Theta) -> None:
        super().__init__()
        self.task, self.names = task, list(params)
        for index, tensor in enumerate(params.values()):
            self.register_parameter(f"p{index}", nn.Parameter(tensor.clone()))

    def forward(self, batch: Batch) -> torch.Tensor:
        params = {n: getattr(self, f"p{i}").unsqueeze(0) for i, n in enumerate(self.names)}
        return loss_of(self.task, params, batch)


def cloned_gradient(module: nn.Module, support: Batch, query: Batch, steps: int, rate: float) -> list[torch.Tensor]:
    """learn2learn's pattern: clone a module, put differentiable parameters into the clone, adapt it step by step.

    The module returns the loss of a batch; the meta-gradients are in the order of its parameters.
    """
    learner = deepcopy(module)
    current = {path: parameter.clone() for path, parameter in module.named_parameters()}

    def load() -> None:
        for path, tensor in current.items():
            parent, _, name = path.rpartition(".")
            learner.get_submodule(parent)._parameters[name] = tensor

    load()
    for _ in range(steps):
        gradients = torch.autograd.grad(learner(support), list(current.values()), create_graph=True)
        current = {k: p - rate * g for (k, p), g in zip(current.items(), gradients, strict=True)}
        load()
    return list(torch.autograd.grad(learner(query), list(module.parameters())))


def learn2learn_gradient(central: Central, theta: Theta, client: int, server_round: int) -> Theta:
    task, (support, query) = central.tasks[central.family(client)], central.episode(client, server_round)
    held = ("trunk", central.family(client))
    module = Module(task, {n: t for n, t in theta.items() if part_of(n) in held})
    algorithm = central.experiment.algorithm
    found = cloned_gradient(module, support, query, algorithm.inner_steps, algorithm.inner_lr)
    return dict(zip(module.names, found, strict=True))


def loss_of(task: Task, params: Theta, batch: Batch) -> torch.Tensor:
    return task.loss(task.predict(params, batch.x, batch.mask), batch).sum()


def central_round(central: Central, gradient, theta: Theta, clients: Sequence[int], server_round: int) -> Theta:
    """One round of a loop over clients."""
    total = {n: torch.zeros_like(t) for n, t in theta.items()}
    counts: dict[str, int] = {}
    for client in clients:
        own = gradient(central, theta, client, server_round)
        for name, value in own.items():
            total[name] += value
        for part in {part_of(name) for name in own}:
            counts[part] = counts.get(part, 0) + 1
    return central.step(theta, total, counts)


def start(experiment: Experiment) -> Theta:
    """Return the initial θ by name: that of a module is as the module was made."""
    return dict(Federation(experiment).initial)
