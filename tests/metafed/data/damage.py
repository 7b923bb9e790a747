"""Ways in which a file is damaged."""

import numpy as np


def truncated(source, target):
    """Copy the first half of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: len(data) // 2])


def altered(source, target, **arrays):
    """Copy an ``.npz`` file with other arrays; None leaves one out."""
    with np.load(source, allow_pickle=False) as archive:
        content = {name: archive[name] for name in archive.files} | arrays
    np.savez(target, **{name: array for name, array in content.items() if array is not None})
