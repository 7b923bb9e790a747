"""Smart-watch shoulder exercises from seglearn's file ``watch_dataset.npy``, alone or inside of its wheel.

Burns et al. 2018, arXiv 1802.01489; the package seglearn 1.2.5 ships it. The file is a pickle, which may run any
code when it is opened: this one is opened only if it is, byte for byte, the one whose content is known, and with
an unpickler that makes nothing but numpy's arrays.
"""

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any, final

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import originals

FILE = "watch_dataset.npy"
SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
EVERY = 2
"""Of 50 samples a second every second one is kept."""
STEPS = 32_000
"""The largest value of each column becomes this integer."""


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the file into the arrays of ``watch_gestures.npz``.

    Raises:
        DataError: The file is missing, or it is not the published one.
    """
    with originals(path) as found:
        file = found.one(FILE)
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise DataError(
            f"{file.where} is not the file of seglearn 1.2.5: its SHA-256 is {digest}, expected {SHA256}. It is a"
            " pickle, and no other is opened"
        )
    table = _Arrays(io.BytesIO(content[content.index(b"\n") + 1 :])).load().item()
    return _quantize(table)


def _quantize(table: dict[str, Any]) -> dict[str, np.ndarray]:
    recordings = [np.asarray(samples)[::EVERY] for samples in table["X"]]
    samples = np.concatenate(recordings)
    scale = np.abs(samples).max(axis=0) / STEPS
    length = np.array([len(recording) for recording in recordings], np.int32)
    people = np.unique(table["subject"])
    return {
        "samples_q": np.round(samples / scale).astype(np.int16),
        "scale": scale.astype(np.float32),
        "recording_start": (length.cumsum() - length).astype(np.int32),
        "recording_length": length,
        "recording_user": np.searchsorted(people, table["subject"]).astype(np.uint8),
        "recording_class": np.asarray(table["y"]).astype(np.uint8),
        "recording_side": np.asarray(table["side"]).astype(np.uint8),
        "class_names": np.array(table["y_labels"]),
        "column_names": np.array(table["X_labels"]),
    }


@final
class _Arrays(pickle.Unpickler):
    """Makes numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the four names that arrays are made with."""
        if (module, name) == ("_codecs", "encode"):
            import _codecs

            return _codecs.encode
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]  # its module was renamed between versions of numpy
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
