"""What rounds cost, by dp-accounting, under the sampling that is really used.

- ``poisson``: every client by itself with probability q, the subsampled Gaussian mechanism (Mironov, Talwar, Zhang
  2019, arXiv 1908.10530); neighbours differ by one client more or less.
- all seen clients in every round: the Gaussian mechanism; neighbours as above.
- ``uniform``, m of n without replacement: neighbours differ in who one client is (n is public), so a sum of vectors of
  length at most C changes by up to 2 C: noise z C is z / 2 of the sensitivity (Wang, Balle, Kasiviswanathan 2019, arXiv
  1808.00087, theorem 27). By ``rdp`` only.
- ``local``: each client adds noise to what it sends, and may be asked in every round; the server knows whom it asks, so
  sampling hides nothing. Neighbours differ in what one client's data are: what it sends changes by up to 2 C, and noise
  z C is z / 2 of the sensitivity.

Nothing is proven for other samplers, whose choice depends on the clients' data or on time: they are refused.
"""

import logging
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from metafed.core.errors import DataError

Scheme: TypeAlias = Literal["poisson", "everybody", "without replacement", "local"]
Accountant: TypeAlias = Literal["rdp", "pld"]

NEIGHBOURS: dict[Scheme, tuple[str, int]] = {
    "everybody": ("one client more or less", 1),
    "poisson": ("one client more or less", 1),
    "without replacement": ("one client becomes another", 2),
    "local": ("one client's data become others", 2),
}
"""What two neighbouring federations differ in, and by how many C that changes what is released, by scheme."""
STEP = 1e-3
"""Noise that a target ε needs is found to this precision, rounded up."""
SMALLEST, LARGEST = 0.05, 1e4
"""Noise multipliers that are tried for a target."""


class Sampling(NamedTuple):
    """A round: who is sampled how, and the accountant.

    Attributes:
        scheme: How clients are sampled; ``local``: the server knows whom it asks.
        sampled: Clients sampled in a round, expected or exactly.
        seen: Clients that can be sampled.
        accountant: How ε is computed.
    """

    scheme: Scheme
    sampled: int
    seen: int
    accountant: Accountant

    @property
    def neighbours(self) -> str:
        """What two federations differ in that can hardly be distinguished."""
        return NEIGHBOURS[self.scheme][0]

    @property
    def sensitivity(self) -> int:
        """By how many C the sum, or what a client sends, differs between neighbours at most."""
        return NEIGHBOURS[self.scheme][1]


def epsilon(sampling: Sampling, released: Any, delta: float, rounds: int) -> float:
    """Return the ε of so many rounds; infinity where the accountant has no bound.

    Args:
        sampling: How a round samples.
        released: What is released of those that are sampled, as dp-accounting's event.
        delta: δ.
        rounds: How many rounds.

    Raises:
        DataError: The accountant does not know such an event under this sampling.
    """
    if rounds == 0:
        return 0.0
    # its notes on orders that it leaves out, which costs no correctness, would fill the screen
    logging.getLogger("absl").setLevel(logging.ERROR)
    from dp_accounting import NeighboringRelation
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.rdp import RdpAccountant

    replaced = sampling.scheme == "without replacement"
    relation = NeighboringRelation.REPLACE_ONE if replaced else NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = (RdpAccountant if sampling.accountant == "rdp" else PLDAccountant)(neighboring_relation=relation)
    round_ = event(sampling, released)
    if not accountant.supports(round_):
        raise DataError(
            f"--privacy.accountant {sampling.accountant} has no bound for {type(released).__name__} where clients are"
            f" sampled by the scheme {sampling.scheme!r}; choose the other accountant, another --sampling, or ask all"
            " seen clients in every round"
        )
    accountant.compose(round_, rounds)
    return float(accountant.get_epsilon(delta))


def event(sampling: Sampling, released: Any) -> Any:
    """Return a round as dp-accounting's event."""
    import dp_accounting as dp

    if sampling.scheme == "poisson":
        return dp.PoissonSampledDpEvent(sampling.sampled / sampling.seen, released)
    if sampling.scheme == "without replacement":
        return dp.SampledWithoutReplacementDpEvent(sampling.seen, sampling.sampled, released)
    return released


def noise_for(cost: Callable[[float], float], target: float) -> float:
    """Return the least noise multiplier, a multiple of ``STEP``, whose ``cost`` in ε is at most ``target``.

    Raises:
        ValueError: None has.
    """
    low, high = int(SMALLEST / STEP), int(LARGEST / STEP)
    if cost(low * STEP) <= target:
        return low * STEP
    top = low
    while cost(top * STEP) > target:
        low, top = top, top * 2
        if top > high:
            raise ValueError(f"--privacy.epsilon {target:g}: no noise up to {LARGEST:g} is enough for all --rounds")
    while top - low > 1:
        middle = (low + top) // 2
        low, top = (low, middle) if cost(middle * STEP) <= target else (middle, top)
    return top * STEP


def rounds_for(cost: Callable[[int], float], target: float, most: int) -> int:
    """Return how many rounds, ``most`` at most, have a ``cost`` in ε of no more than ``target``."""
    return bisect_right(range(1, most + 1), target, key=cost)
