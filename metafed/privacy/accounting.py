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
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

Scheme: TypeAlias = Literal["poisson", "everybody", "without replacement", "local"]
Accountant: TypeAlias = Literal["rdp", "pld"]

STEP = 1e-3
"""Noise that a target ε needs is found to this precision, rounded up."""
SMALLEST, LARGEST = 0.05, 1e4
"""Noise multipliers that are tried for a target."""


class Mechanism(NamedTuple):
    """A round: who is sampled how, and the accountant.

    Attributes:
        scheme: How clients are sampled.
        sampled: Clients sampled in a round, expected or exactly.
        seen: Clients that can be sampled.
        accountant: How ε is computed.
    """

    scheme: Scheme
    sampled: int
    seen: int
    accountant: Accountant


def epsilon(mechanism: Mechanism, noise: float, delta: float, rounds: int) -> float:
    """Return the ε of so many rounds; infinity where the accountant has no bound.

    Args:
        mechanism: What a round does.
        noise: Standard deviation of the sum's noise, in units of C.
        delta: δ.
        rounds: How many rounds.
    """
    if rounds == 0:
        return 0.0
    return _epsilon(mechanism, noise, delta, rounds)


@lru_cache(maxsize=4096)
def _epsilon(mechanism: Mechanism, noise: float, delta: float, rounds: int) -> float:
    # its notes on orders that it leaves out, which costs no correctness, would fill the screen
    logging.getLogger("absl").setLevel(logging.ERROR)
    from dp_accounting import NeighboringRelation
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.rdp import RdpAccountant

    replaced = mechanism.scheme == "without replacement"
    relation = NeighboringRelation.REPLACE_ONE if replaced else NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = (RdpAccountant if mechanism.accountant == "rdp" else PLDAccountant)(neighboring_relation=relation)
    accountant.compose(event(mechanism, noise), rounds)
    return float(accountant.get_epsilon(delta))


def event(mechanism: Mechanism, noise: float) -> Any:
    """Return a round as dp-accounting's event."""
    import dp_accounting as dp

    if mechanism.scheme == "everybody":
        return dp.GaussianDpEvent(noise)
    if mechanism.scheme == "local":
        # Gaussian noise costs the same between any two vectors that are 2 C apart
        return dp.GaussianDpEvent(noise / 2)
    if mechanism.scheme == "poisson":
        return dp.PoissonSampledDpEvent(mechanism.sampled / mechanism.seen, dp.GaussianDpEvent(noise))
    # the sum changes by up to 2 C when one client becomes another
    return dp.SampledWithoutReplacementDpEvent(mechanism.seen, mechanism.sampled, dp.GaussianDpEvent(noise / 2))


def noise_for(mechanism: Mechanism, target: float, delta: float, rounds: int) -> float:
    """Return the least noise multiplier, a multiple of ``STEP``, by which so many rounds cost at most ``target``.

    Raises:
        ValueError: None does.
    """
    low, high = int(SMALLEST / STEP), int(LARGEST / STEP)
    if rounds == 0 or epsilon(mechanism, low * STEP, delta, rounds) <= target:
        return low * STEP
    top = low
    while epsilon(mechanism, top * STEP, delta, rounds) > target:
        low, top = top, top * 2
        if top > high:
            raise ValueError(f"--privacy.epsilon {target:g}: no noise up to {LARGEST:g} is enough for {rounds} rounds")
    while top - low > 1:
        middle = (low + top) // 2
        low, top = (low, middle) if epsilon(mechanism, middle * STEP, delta, rounds) <= target else (middle, top)
    return top * STEP


def rounds_for(mechanism: Mechanism, noise: float, delta: float, target: float, most: int) -> int:
    """Return how many rounds, ``most`` at most, cost no more than ``target``."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if epsilon(mechanism, noise, delta, middle) <= target else (low, middle - 1)
    return low
