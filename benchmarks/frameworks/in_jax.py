"""A round by JAX alone: one program a family, and one client after another, which is faster than vmap on a processor.

A client of the MLP is a turn of a loop in the program, a client of conv-4 a call of it: XLA's convolutions are slow in
its own loops.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.contenders import Central
from benchmarks.frameworks import Round
from benchmarks.frameworks.gradients_in_jax import Arrays, Gradient, Rows, arrays, meta_gradient, on_one_thread, rounds
from metafed.core.episodes import Episode
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

    def summed(family: str, theta: Arrays, members: list[int], episode: Episode) -> Arrays:
        found: Arrays = totals[family](theta, arrays(episode.support), arrays(episode.query))
        return found

    return rounds(central, summed)
