"""Named random streams: every random number has an address, none has a history.

A stream is keyed by ``(seed, name, *key)``, for instance ``(0, "episode", round, client)``. Two
processes that ask for the same address draw the same numbers, whatever they drew before; this is
what makes a run independent of the number of workers and lets a resumed run go on exactly.
"""

import zlib

import numpy as np


def stream(seed: int, name: str, *key: int) -> np.random.Generator:
    """Return the generator at the address ``(seed, name, *key)``.

    Args:
        seed: The run's seed, at least 0.
        name: What the numbers are for, for instance ``"cohort"``.
        *key: Non-negative integers that tell streams of one name apart, such as round and client.

    Raises:
        ValueError: ``seed`` or a part of ``key`` is negative.
    """
    if seed < 0 or any(part < 0 for part in key):
        raise ValueError(f"a stream's address has no negative part, got seed={seed}, name={name!r}, key={key}")
    spawn_key = (zlib.crc32(name.encode()), *key)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=spawn_key)))
