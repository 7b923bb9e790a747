"""A round by FedJAX (Ro, Suresh, Wu 2021, arXiv 2108.02117): ``for_each_client`` with its backend for one device.

A client's one batch is its episode, and the step of it the meta-gradient.
"""

from collections.abc import Mapping
from typing import Any

import fedjax

from benchmarks.contenders import Central
from benchmarks.frameworks import Round
from benchmarks.frameworks.gradients_in_jax import Arrays, Gradient, arrays, meta_gradient, on_one_thread, rounds
from metafed.core.episodes import Episode


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

    def summed(family: str, theta: Arrays, members: list[int], episode: Episode) -> Arrays:
        halves = [list(zip(*arrays(half), strict=True)) for half in episode]
        batches = [{"support": support, "query": query} for support, query in zip(*halves, strict=True)]
        found = loops[family](theta, ((m, [batch], ()) for m, batch in zip(members, batches, strict=True)))
        total: Arrays = fedjax.tree_util.tree_sum(output for _, output in found)
        return total

    return rounds(central, summed)
