"""A round by FedJAX (Ro, Suresh, Wu 2021, arXiv 2108.02117): ``for_each_client`` with its backend for one device.

A client's one batch is its episode, and the step of it the meta-gradient.
"""

from collections.abc import Mapping
from typing import Any

import fedjax
import jax
import torch

from benchmarks.contenders import Central
from benchmarks.frameworks import Round, Theta
from benchmarks.frameworks.gradients_in_jax import Gradient, arrays, meta_gradient, on_one_thread
from metafed.core.parameters import part_of


def each(gradient: Gradient) -> Any:
    """Return FedJAX's loop over clients."""

    def init(shared: Any, own: Any) -> Any:
        return shared

    def step(state: Any, batch: Any) -> Any:
        return gradient(state, batch["support"], batch["query"])

    def final(shared: Any, state: Any) -> Any:
        return state

    return fedjax.for_each_client(init, step, final)


def made(central: Central) -> Round:
    """Return a round."""
    on_one_thread()
    fedjax.set_for_each_client_backend("jit")
    loops: Mapping[str, Any] = {family: each(meta_gradient(central, family)) for family in central.tasks}

    def step(theta: Theta, clients: list[int], server_round: int) -> Theta:
        total = {name: torch.zeros_like(value) for name, value in theta.items()}
        counts: dict[str, int] = {}
        for family, members in central.population.roster.by_family(clients):
            episode = central.population.training(members, server_round).episode
            halves = [list(zip(*arrays(half), strict=True)) for half in episode]
            batches = [{"support": support, "query": query} for support, query in zip(*halves, strict=True)]
            own = {n: t.numpy() for n, t in theta.items() if part_of(n) in ("trunk", family)}
            found = loops[family](own, ((m, [batch], ()) for m, batch in zip(members, batches, strict=True)))
            sums = fedjax.tree_util.tree_sum(output for _, output in found)
            for name, value in sums.items():
                total[name] += torch.tensor(jax.device_get(value))
            for part in {part_of(name) for name in own}:
                counts[part] = counts.get(part, 0) + len(members)
        return central.step(theta, total, counts)

    return step
