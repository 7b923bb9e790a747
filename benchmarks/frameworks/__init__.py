"""The round of ``benchmarks.round_time`` by other frameworks. They are extras, and imported when they are asked for."""

from collections.abc import Callable
from importlib import import_module

import torch

from benchmarks.contenders import Central
from simulation.cli.errors import BadInput

Theta = dict[str, torch.Tensor]
Round = Callable[[Theta, list[int], int], Theta]
"""θ after a round, of θ before it, the clients and the round's number."""

FRAMEWORKS = ("jax", "fedjax", "pfl")


def need(name: str) -> None:
    """Import the package of a framework.

    Raises:
        BadInput: It cannot be imported.
    """
    try:
        import_module(name)
    except (ImportError, AttributeError) as error:
        # AttributeError: fedjax uses names that later versions of JAX have not
        raise BadInput(f"--against {name}: {error}; install it with: pip install 'metafed[{name}]'") from None


def framework(name: str, central: Central) -> Round:
    """Return the round of a framework of ``FRAMEWORKS``, whose package is there.

    Raises:
        BadInput: It does not have the network.
    """
    made: Round = import_module(f"benchmarks.frameworks.in_{name}").made(central)
    return made
