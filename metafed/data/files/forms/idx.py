"""IDX files, as MNIST, Fashion-MNIST, KMNIST and EMNIST are published: a file of images and one of labels."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast, final

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.bounds import ARCHIVE
from metafed.data.files.forms.base import Form

IMAGES, LABELS = ("images-idx3-ubyte", "images.idx3-ubyte"), ("labels-idx1-ubyte", "labels.idx1-ubyte")
BYTES = 0x08
"""The type of IDX that is read: unsigned bytes."""


@final
class Idx(Form):
    """Columns ``image``, ``label`` and ``test``, which is true in files that are not called ``train``."""

    name = "IDX"

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return each file of images, followed by that of its labels."""
        found = []
        found_images = (path for path in folder.iterdir() if any(name in path.name for name in IMAGES))
        # training rows first, as everybody joins them
        for images in sorted(found_images, key=lambda path: ("train" not in path.name, path.name)):
            label = images.name
            for one, other in zip(IMAGES, LABELS, strict=True):
                label = label.replace(one, other)
            found += [images, images.with_name(label)]
        return tuple(found)

    def keys(self, folder: Path) -> dict[str, Any]:
        """Return target and features, and the shape of an image."""
        files = self.files(folder)
        if len(files) > 4:
            names = ", ".join(path.name for path in files[::2])
            raise DataError(f"{folder} has several data sets ({names}): put each into a folder of its own")
        with _opened(files[0]) as file:
            shape = _head(files[0], file, 3)
        return {"target": "label", "features": ["image"], "image": [1, *shape[1:]]}

    def read(self, folder: Path) -> dict[str, np.ndarray]:
        """Return images ``(n, height, width)``, labels and test."""
        files = self.files(folder)
        images, labels, test = [], [], []
        for image, label in zip(files[::2], files[1::2], strict=True):
            images.append(_array(image, 3))
            labels.append(_array(label, 1))
            if len(images[-1]) != len(labels[-1]):
                raise DataError(f"{image} has {len(images[-1]):,} images, {label.name} {len(labels[-1]):,} labels")
            if images[-1].shape[1:] != images[0].shape[1:]:
                raise DataError(f"{image}: images are {images[-1].shape[1:]}, those of {files[0].name} others")
            test.append(np.full(len(labels[-1]), "train" not in image.name))
        return {"image": np.concatenate(images), "label": np.concatenate(labels), "test": np.concatenate(test)}


def _opened(path: Path) -> BinaryIO:
    if not path.is_file():
        raise DataError(f"{path} is missing: images and labels belong together")
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _head(path: Path, file: BinaryIO, axes: int) -> tuple[int, ...]:
    """Return the lengths of the axes, which a file begins with."""
    try:
        head = file.read(4 + 4 * axes)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from None
    if len(head) < 4 + 4 * axes or head[:4] != bytes((0, 0, BYTES, axes)):
        raise DataError(f"{path} is damaged: it is no IDX file of bytes with {axes} axes")
    shape = struct.unpack(f">{axes}I", head[4:])
    if math.prod(shape) > ARCHIVE:
        raise DataError(f"{path}: {shape} bytes are more than {ARCHIVE / 2**30:.0f} GiB")
    return shape


def _array(path: Path, axes: int) -> np.ndarray:
    with _opened(path) as file:
        shape = _head(path, file, axes)
        size = math.prod(shape)
        try:
            # one more, to see that it ends
            data = file.read(size + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is damaged: {error}") from None
    if len(data) != size:
        less = "less" if len(data) < size else "more"
        raise DataError(f"{path} is damaged: it has {less} than the {size:,} bytes that it states")
    return np.frombuffer(data, np.uint8).reshape(shape)
