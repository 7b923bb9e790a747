"""The round of ``benchmarks.round_time`` by other frameworks, which are imported only when they are asked for."""

from collections.abc import Callable
from importlib import import_module

import torch

from benchmarks.contenders import Central
from simulation.cli.errors import BadInput

Theta = dict[str, torch.Tensor]
Round = Callable[[Theta, list[int], int], Theta]
"""θ after a round, of θ before it, the clients and the round's number."""

FRAMEWORKS = ("jax", "fedjax", "pfl")
INSTALLED = {
    "jax": "'metafed[jax]'",
    "fedjax": "'metafed[fedjax]'",
    # pfl 0.6.0 asks for an older dp-accounting than we do, so pip cannot install both by their requirements
    "pfl": "--no-deps pfl multiprocess prv-accountant",
}
"""What pip is asked for, by framework."""


def need(name: str) -> None:
    """Import the package of a framework.

    Raises:
        BadInput: It cannot be imported.
    """
    try:
        import_module(name)
    except (ImportError, AttributeError) as error:
        # AttributeError: fedjax uses names that later versions of JAX have not
        raise BadInput(f"--against {name}: {error}; install it with: pip install {INSTALLED[name]}") from None


def framework(name: str, central: Central) -> Round:
    """Return the round of a framework of ``FRAMEWORKS``, whose package is there.

    Raises:
        BadInput: It does not have the network.
    """
    made: Round = import_module(f"benchmarks.frameworks.in_{name}").made(central)
    return made
