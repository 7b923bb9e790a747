"""PeFLL: Scott, Zakerinia, Lampert, ICLR 2024, arXiv 2306.05515, Algorithm 1, without its ℓ2 terms.

θ is not a model but what makes one: an embedding network φ and a hypernetwork h. A client is described by the mean of
its rows' embeddings, v(S) = mean φ(x, y), and its model is w = h(v(S)). It trains that for K steps, w_0 = w to w_K.
What it sends is w_0 − w_K drawn back to θ, Jᵀ (w_0 − w_K) with J = ∂w / ∂θ. An unseen client has a model as any other
has: by its rows, without a step.

Ours: the paper's server keeps h and sends w, in two exchanges more; here θ goes to the client, which computes the same
and answers once, at the cost of bytes. φ is two layers on (z, y), where z is what the head of the base model sees; the
base model is at first the initial network. h is a layer, and then w = base + M of it, where M begins with a tenth of
each parameter's own spread, by numbers that are the same for every seed. Each family has its own φ and h. S is the
support set; by default full-batch steps on support and query rows, as in ``fedavg``. In evaluation step 0 is the base
model, step 1 is h(v(S)).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, final

import torch
import tyro
from pydantic import Field

from metafed.algorithms.base import NeedsHead, Outer
from metafed.algorithms.local_training import LocalTraining
from metafed.algorithms.one_step import OneStep
from metafed.core.episodes import Batch
from metafed.core.parameters import TRUNK, Params, part_of
from metafed.core.streams import stream
from metafed.tasks.task import Kind, Task
from metafed.training.batches import Plan

BASE, MADE = "base", "made"
"""Of each parameter of the model: its value in the base model, and M."""
EMBED, HYPER = ("embed.0", "embed.1"), "hyper"
"""The layers of φ and that of h."""
SPREAD = 0.1
"""Spread of M at first, in that of the parameter."""


@final
class Pefll(OneStep, LocalTraining):
    """A hypernetwork that makes a client's model of its rows."""

    name: Annotated[Literal["pefll"], tyro.conf.Suppress] = "pefll"
    title: ClassVar[str] = "PeFLL"
    descriptor: int = Field(16, ge=1, le=10**4, description="Numbers of v, which describes a client.")
    hidden: int = Field(32, ge=1, le=10**4, description="Width of the hidden layers of φ and of h.")

    kinds: ClassVar[tuple[Kind, ...]] = ("classification", "regression")
    needs_head: ClassVar[NeedsHead] = "linear"
    outer: ClassVar[Outer] = Outer("adam", 0.003)

    def adapts(self, name: str) -> bool:
        """The model."""
        return not is_maker(name)

    def shared(self, theta: Params) -> Params:
        """φ and h for every family, and its base model."""
        found: dict[str, torch.Tensor] = {}
        for part in dict.fromkeys(map(part_of, theta)):
            if part == TRUNK:
                continue
            model = {n: value for n, value in theta.items() if part_of(n) in (TRUNK, part)}
            outputs = len(theta[f"{part}.head.bias"])
            rows = theta[f"{part}.head.weight"].numel() // outputs + outputs
            rng = stream(0, f"pefll/{part}")
            widths = (rows, self.hidden, self.descriptor, self.hidden)
            for layer, (fan_in, fan_out) in zip((*EMBED, HYPER), pairwise(widths), strict=True):
                drawn = rng.standard_normal((fan_in, fan_out)) / fan_in**0.5
                found[f"{part}.{layer}.weight"] = torch.from_numpy(drawn).to(theta[f"{part}.head.bias"])
                found[f"{part}.{layer}.bias"] = theta[f"{part}.head.bias"].new_zeros(fan_out)
            for n, value in model.items():
                found[f"{part}.{BASE}.{n}"] = value
                drawn = rng.standard_normal((self.hidden, *value.shape)) * SPREAD / self.hidden**0.5
                found[f"{part}.{MADE}.{n}"] = torch.from_numpy(drawn).to(value) * value.std(correction=0)
        return found

    def begin(self, task: Task, start: Params, state: Params, support: Batch) -> Params:
        """Return φ and h, and the model that they make of the rows."""
        return {**start, **made(task, start, support)}

    def composed(self, whole: Params) -> Params:
        """The base model, by which clients are judged before their rows are looked at."""
        return base(whole)

    def adapt(
        self, task: Task, start: Params, state: Params, support: Batch, steps: int, plan: Plan | None = None
    ) -> Iterator[Params]:
        """Yield the base model, then the client's."""
        self.check(task.model.part, task.kind)
        yield base(start)
        if steps:
            with torch.no_grad():
                model = made(task, start, support)
            yield from [model] * steps

    def sent(self, start: Params, trained: Params) -> Params:
        """Return w_0 − w_K, drawn back to φ and h."""
        makers = [name for name in start if is_maker(name)]
        model = [name for name in start if self.adapts(name)]
        moved = [start[name].detach() - trained[name] for name in model]
        drawn = torch.autograd.grad([start[name] for name in model], [start[name] for name in makers], moved)
        return dict(zip(makers, drawn, strict=True))


def is_maker(name: str) -> bool:
    """Say whether ``name`` is of φ, of h or of the base model."""
    return name.split(".")[1] in (BASE, MADE, HYPER, "embed")


def base(start: Params) -> Params:
    """Return the base model ``(C, …)``."""
    return {n.split(".", 2)[2]: value for n, value in start.items() if n.split(".")[1] == BASE}


def made(task: Task, start: Params, support: Batch) -> Params:
    """Return the models ``(C, …)`` of clients with these rows."""
    part, common = task.model.part, base(start)

    def layer(name: str, x: "torch.Tensor") -> "torch.Tensor":
        return x @ start[f"{part}.{name}.weight"] + start[f"{part}.{name}.bias"].unsqueeze(1)

    z = task.model.embed(common, support.x, support.mask)
    y = support.y if task.kind == "regression" else torch.nn.functional.one_hot(support.y, task.model.outputs)
    rows = layer(EMBED[1], layer(EMBED[0], torch.cat([z, y.to(z)], -1)).tanh())
    real = support.mask.unsqueeze(-1)
    descriptor = (rows * real).sum(1, keepdim=True) / real.sum(1, keepdim=True)
    hidden = layer(HYPER, descriptor).tanh()
    return {
        n: value + torch.einsum("ch,ch...->c...", hidden[:, 0], start[f"{part}.{MADE}.{n}"])
        for n, value in common.items()
    }
