"""CIFAR-10 in the publisher's binary form: a byte of label and 3,072 of pixels a row."""

from pathlib import Path
from typing import Any, final

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.forms.base import Form, check_files

SHAPE = (3, 32, 32)
ROW = 1 + 3 * 32 * 32
NAMES = "batches.meta.txt"
CLASSES = 10


@final
class Cifar(Form):
    """Columns ``image``, ``label``, by its name where the folder has ``batches.meta.txt``, and ``test``."""

    name = "CIFAR-10"

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the batches, and the file of the labels' names."""
        batches = [*sorted(folder.glob("data_batch_*.bin")), *folder.glob("test_batch.bin")]
        return (*batches, *(folder.glob(NAMES))) if batches else ()

    def keys(self, folder: Path) -> dict[str, Any]:
        """Return target, features and the shape of an image."""
        return {"target": "label", "features": ["image"], "image": list(SHAPE)}

    def read(self, folder: Path) -> dict[str, np.ndarray]:
        """Return images ``(n, 3, 32, 32)``, labels and test."""
        check_files(self.files(folder))
        rows, test = [], []
        for path in (path for path in self.files(folder) if path.suffix == ".bin"):
            data = np.fromfile(path, np.uint8)
            if not len(data) or len(data) % ROW:
                raise DataError(f"{path} is damaged: {len(data):,} bytes are no whole number of rows of {ROW:,}")
            rows.append(data.reshape(-1, ROW))
            test.append(np.full(len(rows[-1]), path.name == "test_batch.bin"))
            if rows[-1][:, 0].max() >= CLASSES:
                raise DataError(f"{path} is damaged: it has the label {rows[-1][:, 0].max()}, of 0 to {CLASSES - 1}")
        whole = np.concatenate(rows)
        labels = whole[:, 0]
        if (folder / NAMES).is_file():
            names = (folder / NAMES).read_text(encoding="utf-8").split()
            if len(names) != CLASSES:
                raise DataError(f"{folder / NAMES} has {len(names)} names of {CLASSES} labels")
            labels = np.array(names, object)[labels]
        return {"image": whole[:, 1:].reshape(-1, *SHAPE), "label": labels, "test": np.concatenate(test)}
