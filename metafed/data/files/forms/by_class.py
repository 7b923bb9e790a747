"""A folder of images for each class, as ``ImageFolder`` of torchvision reads it."""

from pathlib import Path
from typing import Any, final

import numpy as np

from metafed.data.files.forms.base import Form, check_files
from metafed.data.files.pictures import SUFFIXES, shape_of


@final
class ByClass(Form):
    """Columns ``image``, the bytes of the file, and ``label``, its folder's name; in order of the paths."""

    name = "folders of images"

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the images of all folders, which have no folders in them."""
        return tuple(sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES and path.is_file()))

    def keys(self, folder: Path) -> dict[str, Any]:
        """Return target and features, and the shape of the first image."""
        first = self.files(folder)[0]
        return {"target": "label", "features": ["image"], "image": list(shape_of(first, str(first)))}

    def read(self, folder: Path) -> dict[str, np.ndarray]:
        """Return the files' bytes and their folders."""
        files = self.files(folder)
        check_files(files, 'write a table with their paths, and [features] path = "image"')
        images, labels = np.empty(len(files), object), np.empty(len(files), object)
        for place, path in enumerate(files):
            images[place], labels[place] = path.read_bytes(), path.parent.name
        return {"image": images, "label": labels}
