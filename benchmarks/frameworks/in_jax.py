"""A round by JAX alone: one program a family, and one client after another, which is faster than vmap on a processor.

A client of the MLP is a turn of a loop in the program, a client of conv-4 a call of it: XLA's convolutions are slow in
its own loops.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import torch

from benchmarks.contenders import Central
from benchmarks.frameworks import Round, Theta
from benchmarks.frameworks.gradients_in_jax import Arrays, Gradient, Rows, arrays, meta_gradient, on_one_thread
from metafed.core.parameters import part_of
from metafed.models.mlp import Mlp


def looped(gradient: Gradient) -> Any:
    """Return the sum over clients, as a loop in the program."""

    def total(theta: Arrays, support: Rows, query: Rows) -> Any:
        def add(sums: Arrays, own: Any) -> tuple[Arrays, None]:
            return {name: sums[name] + value for name, value in gradient(theta, *own).items()}, None

        return jax.lax.scan(add, {name: jnp.zeros_like(value) for name, value in theta.items()}, (support, query))[0]

    return jax.jit(total)


def called(gradient: Gradient) -> Any:
    """Return the sum over clients, as a call a client."""

    @jax.jit
    def add(sums: Arrays, theta: Arrays, support: Rows, query: Rows) -> Arrays:
        return {name: sums[name] + value for name, value in gradient(theta, support, query).items()}

    def total(theta: Arrays, support: Rows, query: Rows) -> Arrays:
        sums: Arrays = {name: jnp.zeros_like(value) for name, value in theta.items()}
        for own in zip(zip(*support, strict=True), zip(*query, strict=True), strict=True):
            sums = add(sums, theta, *own)
        return sums

    return total


def made(central: Central) -> Round:
    """Return a round."""
    on_one_thread()
    totals: Mapping[str, Any] = {
        family: (looped if isinstance(task.model, Mlp) else called)(meta_gradient(central, family))
        for family, task in central.tasks.items()
    }

    def step(theta: Theta, clients: list[int], server_round: int) -> Theta:
        total = {name: torch.zeros_like(value) for name, value in theta.items()}
        counts: dict[str, int] = {}
        for family, members in central.population.roster.by_family(clients):
            episode = central.population.training(members, server_round).episode
            own = {n: t.numpy() for n, t in theta.items() if part_of(n) in ("trunk", family)}
            found = totals[family](own, arrays(episode.support), arrays(episode.query))
            for name, value in found.items():
                total[name] += torch.tensor(jax.device_get(value))
            for part in {part_of(name) for name in own}:
                counts[part] = counts.get(part, 0) + len(members)
        return central.step(theta, total, counts)

    return step
