"""miniImageNet from images: folders ``train``, ``val``, ``test`` of classes, or ``images`` with three tables.

Vinyals et al. 2016 took 100 classes of ImageNet, 600 images each; Ravi, Larochelle, ICLR 2017 split them into 64, 16
and 20 classes. Copies come as SPLIT/CLASS/NAME.jpg, or as ``train.csv``, ``val.csv``, ``test.csv`` (columns filename
and label) with all images in one folder. The pickles that circulate are not opened: a pickle may run any code.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, Originals, originals
from metafed.data.sets.miniimagenet.reader import SIDE, SPLITS
from metafed.data.table.lines import rows

IMAGE = r".+\.(?:jpe?g|JPE?G)"
MOST_PIXELS = 2**25
"""Pixels of one image, at most."""

Classes = Mapping[str, list[Original]]
"""Each class's images."""


def read(path: Path) -> dict[str, np.ndarray]:
    """Read all images into the arrays of ``miniimagenet.npz``, ordered by class, then file name.

    An image that is not 84 × 84 is resized with Lanczos' filter, as the authors of MAML do.

    Raises:
        DataError: There are no images in one of the two forms, one is damaged or missing, or a class is in two splits.
    """
    with originals(path) as found:
        splits = _by_table(found) or _by_folder(found)
        lost = [name for name in SPLITS if not splits.get(name)]
        if lost:
            pickles = found.matching(r".+\.(?:pkl|pickle)")
            hint = f"; {pickles[0][0].where} is a pickle, which may run any code: it is not opened" if pickles else ""
            raise DataError(
                f"{path} has no images of {', '.join(lost)}: neither SPLIT/CLASS/NAME.jpg nor train.csv, val.csv and"
                f" test.csv with images{hint}"
            )
        owner: dict[str, str] = {}
        for split in SPLITS:
            for name in splits[split]:
                if owner.setdefault(name, split) != split:
                    raise DataError(f"{path}: class {name} is in {owner[name]} and in {split}")
        return {key: array for split in SPLITS for key, array in _arrays(split, splits[split]).items()}


def _by_folder(found: Originals) -> dict[str, Classes]:
    splits: dict[str, dict[str, list[Original]]] = {}
    for file, _ in found.matching(IMAGE):
        if len(file.parts) >= 3 and file.parts[-3] in SPLITS:
            splits.setdefault(file.parts[-3], {}).setdefault(file.parts[-2], []).append(file)
    return dict(splits)


def _by_table(found: Originals) -> dict[str, Classes] | None:
    """Return the images that the tables name; None where there are not all three tables."""
    tables = {name: found.find(f"{name}.csv") for name in SPLITS}
    if None in tables.values():
        return None
    images: dict[str, Original] = {}
    for file, _ in found.matching(IMAGE):
        if file.parts[-1] in images:
            raise DataError(f"{found.path} has {file.parts[-1]} twice: {images[file.parts[-1]].where}, {file.where}")
        images[file.parts[-1]] = file
    splits: dict[str, Classes] = {}
    for split, table in tables.items():
        assert table is not None  # there are three
        classes: dict[str, dict[str, Original]] = {}
        for line, (name, label) in rows(table, ("filename", "label")):
            if name not in images:
                raise DataError(f"{table.where}, line {line}: there is no image {name!r}")
            if classes.setdefault(label, {}).setdefault(name, images[name]) is not images[name] or not label:
                raise DataError(f"{table.where}, line {line}: {name!r} has no label")
        splits[split] = {label: [files[name] for name in sorted(files)] for label, files in classes.items()}
    return splits


def _arrays(split: str, classes: Classes) -> dict[str, np.ndarray]:
    names = sorted(classes)
    files = [file for name in names for file in classes[name]]
    images = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
    for place, file in enumerate(files):
        images[place] = _image(file)
    return {
        f"{split}_images": images,
        f"{split}_labels": np.repeat(np.arange(len(names)), [len(classes[name]) for name in names]).astype(np.int16),
        f"{split}_names": np.array(names),
    }


def _image(file: Original) -> np.ndarray:
    """Return an image ``(SIDE, SIDE, 3)``, uint8, red first."""
    from PIL import Image

    content = file.read()
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DataError(f"{file.where} has {image.width} x {image.height} pixels: refused")
            colours = image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file.where} is no image that can be read: {error}") from error
    if colours.size != (SIDE, SIDE):
        colours = colours.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(colours)
