"""Names of clients that can be shared: hashed, so that a record does not say who they are."""

import hashlib
import hmac
from collections.abc import Iterable

LENGTH = 12
"""Hexadecimal digits of a pseudonym: of a million clients two have the same with a probability of 0.002."""


def salt_of(seed: int, names: Iterable[str]) -> bytes:
    """Return the salt of a run: of its seed and of all names that the table has.

    The same run has the same one again, on every worker, and no record holds it: who does not have the names, all of
    them, cannot make it.
    """
    whole = hashlib.sha256(f"{seed}".encode())
    for name in sorted(names):
        whole.update(hashlib.sha256(name.encode()).digest())
    return whole.digest()


def pseudonym(salt: bytes, name: str) -> str:
    """Return what stands for a name: HMAC-SHA-256 (RFC 2104), its first digits."""
    return hmac.new(salt, name.encode(), hashlib.sha256).hexdigest()[:LENGTH]
