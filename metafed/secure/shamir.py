"""Shamir's secret sharing: "How to share a secret", Communications of the ACM 22 (1979), over a prime field."""

from collections.abc import Callable, Iterable, Mapping

PRIME = 2**521 - 1
"""A Mersenne prime above all secrets of 32 bytes."""


def split(
    secret: int, threshold: int, places: Iterable[int], draw: Callable[[], int], prime: int = PRIME
) -> dict[int, int]:
    """Return a share for each place; any ``threshold`` of them give the secret back, fewer say nothing.

    Args:
        secret: In [0, prime).
        threshold: At least 1.
        places: Different numbers in [1, prime).
        draw: Returns a uniform number in [0, prime), the next coefficient.
        prime: The field.

    Raises:
        ValueError: A number is not where it must be.
    """
    wanted = list(places)
    if not 0 <= secret < prime or any(not 0 < place < prime for place in wanted) or len(set(wanted)) < len(wanted):
        raise ValueError("a secret lies in [0, prime), places are different and lie in [1, prime)")
    if not 1 <= threshold <= len(wanted):
        raise ValueError(f"a threshold of {threshold} cannot be combined with {len(wanted)} shares")
    coefficients = [secret, *(draw() for _ in range(threshold - 1))]
    return {place: _value(coefficients, place, prime) for place in wanted}


def joined(shares: Mapping[int, int], prime: int = PRIME) -> int:
    """Return the secret: the polynomial through the shares, by Lagrange, at 0."""
    secret = 0
    for place, share in shares.items():
        above, below = 1, 1
        for other in shares:
            if other != place:
                above = above * -other % prime
                below = below * (place - other) % prime
        secret = (secret + share * above * pow(below, -1, prime)) % prime
    return secret


def _value(coefficients: list[int], place: int, prime: int) -> int:
    found = 0
    for coefficient in reversed(coefficients):
        found = (found * place + coefficient) % prime
    return found
