"""Omniglot from its publisher's images: ``images_background`` and ``images_evaluation``, as folders or zip files.

github.com/brendenlake/omniglot, folder ``python``: SET/ALPHABET/characterNN/NNNN_DD.png, 105 x 105 pixels of
black ink on white paper; NNNN numbers the characters of both sets from 1, DD the drawers of one alphabet.
"""

import io
import re
from pathlib import Path

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, originals
from metafed.data.sets.omniglot.reader import DRAWINGS, SIDE

SETS = {"images_background": 0, "images_evaluation": 1}
PIXELS = 105


def read(path: Path) -> dict[str, np.ndarray]:
    """Read both sets into the arrays of ``omniglot28.npz``, ordered by character, then drawer.

    Raises:
        DataError: A set is missing, an image is damaged, or a character has not ``DRAWINGS`` of them.
    """
    drawings: dict[tuple[int, int], tuple[Original, int, str, int]] = {}
    with originals(path) as found:
        for file, match in found.matching(r"(\d{4})_(\d{2})\.png"):
            place = re.search(r"(?:^|/)(images_\w+)/([^/]+)/character(\d{2})/[^/]+$", file.name)
            if not place or place[1] not in SETS:
                continue
            key = int(match[1]), int(match[2])
            if key in drawings:
                raise DataError(f"{file.where}: drawing {file.parts[-1]} was there before: {drawings[key][0].where}")
            drawings[key] = file, SETS[place[1]], place[2], int(place[3])
        ordered = [drawings[key] for key in sorted(drawings)]
        lost = sorted(SETS.keys() - {name for name, number in SETS.items() if number in {d[1] for d in ordered}})
        if lost:
            raise DataError(f"{path} has no images SET/ALPHABET/characterNN/NNNN_DD.png of {' and '.join(lost)}")
        characters = sorted({character for character, _ in drawings})
        wanted = [(character, drawer) for character in characters for drawer in range(1, DRAWINGS + 1)]
        if sorted(drawings) != wanted:
            character, drawer = min(set(wanted) ^ drawings.keys())
            raise DataError(f"{path}: character {character:04} has not drawings 1 … {DRAWINGS}: see number {drawer}")
        images = np.stack([_image(file) for file, _, _, _ in ordered])
    names = list(dict.fromkeys(alphabet for _, _, alphabet, _ in ordered))
    alphabet = np.array([names.index(name) for _, _, name, _ in ordered], np.uint8)
    drawers = np.array([number - 1 for _, number in sorted(drawings)])
    return {
        "images": images,
        "alphabet": alphabet,
        "character": np.repeat(np.arange(len(characters)), DRAWINGS).astype(np.uint16),
        "character_in_alphabet": np.array([number - 1 for _, _, _, number in ordered], np.uint8),
        "drawer_in_alphabet": drawers.astype(np.uint8),
        "drawer": (alphabet.astype(np.uint16) * DRAWINGS + drawers).astype(np.uint16),
        "split": np.array([number for _, number, _, _ in ordered], np.uint8),
        "alphabet_names": np.array(names),
        "character_alphabet": alphabet[::DRAWINGS],
    }


def _image(file: Original) -> np.ndarray:
    """Return an image ``(SIDE, SIDE)`` with ink 255 and paper 0; a pixel is the mean of the pixels that it covers."""
    from PIL import Image

    content = file.read()
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            if image.size != (PIXELS, PIXELS):
                raise DataError(f"{file.where} has {image.size[0]} x {image.size[1]} pixels, not {PIXELS} x {PIXELS}")
            ink = 255 - np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file.where} is no image that can be read: {error}") from error
    return np.asarray(Image.fromarray(ink).resize((SIDE, SIDE), Image.Resampling.BOX))
