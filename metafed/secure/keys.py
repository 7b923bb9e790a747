"""The primitives, all of ``cryptography``: X25519 agreement, HKDF-SHA256, ChaCha20 as a generator and as a cipher."""

from functools import lru_cache

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from metafed.secure.ring import Ring

SECRET = 32
"""Bytes of every secret, key and seed."""


class Forged(ValueError):
    """A message between clients is not what its sender made."""


def derived(secret: bytes, *what: str | int) -> bytes:
    """Return 32 bytes that follow from a secret, one for each purpose."""
    info = "/".join(["metafed/secure", *map(str, what)]).encode()
    return HKDF(SHA256(), SECRET, None, info).derive(secret)


def public(private: bytes) -> bytes:
    """Return the public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def agreed(private: bytes, other: bytes, purpose: str) -> bytes:
    """Return the secret that two clients share, one by its private key and the other's public one.

    Raises:
        Forged: The public key is none.
    """
    return derived(_common(private, other), purpose)


@lru_cache(maxsize=65536)
def _common(private: bytes, other: bytes) -> bytes:
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError as error:
        raise Forged(f"a public key is none: {error}") from None


def expanded(seed: bytes, size: int) -> Ring:
    """Return ``size`` uniform elements of the ring that follow from a seed: ChaCha20's key stream."""
    stream = Cipher(ChaCha20(seed, bytes(16)), mode=None).encryptor().update(bytes(8 * size))
    return np.frombuffer(stream, "<u8").astype(np.uint64)


def sealed(key: bytes, text: bytes, about: bytes) -> bytes:
    """Encrypt a text for who has the key; ``about`` says who to whom, and in which round. A key seals one text."""
    return ChaCha20Poly1305(key).encrypt(bytes(12), text, about)


def opened(key: bytes, cipher: bytes, about: bytes) -> bytes:
    """Decrypt what ``sealed`` returned.

    Raises:
        Forged: It is something else.
    """
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), cipher, about)
    except InvalidTag:
        raise Forged("a message between clients was changed on its way") from None
