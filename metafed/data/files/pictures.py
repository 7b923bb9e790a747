"""Pictures of PNG and JPEG files as arrays."""

import io
from pathlib import Path

import numpy as np

from metafed.core.errors import DataError

CHANNELS = {"L": 1, "RGB": 3}
"""Modes of Pillow that are read, with their numbers of channels."""
FORMATS = ("PNG", "JPEG")
MOST = 10**7
"""Numbers of one picture at most: a file of a few bytes may claim any size."""
SUFFIXES = (".png", ".jpg", ".jpeg")


def shape_of(picture: bytes | Path, where: str) -> tuple[int, int, int]:
    """Return channels, height and width, out of the head of the file.

    Args:
        picture: The file's content, or its path.
        where: What a message calls it.

    Raises:
        DataError: It is no PNG or JPEG, has other channels than grey or RGB, or is too large.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS) as opened:
            mode, (width, height) = opened.mode, opened.size
    except FileNotFoundError:
        raise DataError(f"{where}: there is no file {picture!s}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        what = f"{picture!s}" if isinstance(picture, Path) else "what it holds"
        raise DataError(f"{where}: {what} is no image: PNG and JPEG files are read") from None
    if mode not in CHANNELS:
        alpha = " (with an alpha channel)" if "A" in mode else ""
        raise DataError(
            f"{where}: the image has the mode {mode}{alpha}; grey (L) and RGB are read: convert it by Pillow's"
            ' image.convert("RGB")'
        )
    if CHANNELS[mode] * height * width > MOST:
        raise DataError(f"{where}: the image has {height} × {width} pixels: scale it down")
    return CHANNELS[mode], height, width


def pixels(picture: bytes | Path, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return the pixels, 0 to 255 ``(channels, height, width)``.

    Args:
        picture: The file's content, or its path.
        shape: What its shape has to be.
        where: What a message calls it.

    Raises:
        DataError: It cannot be read, or has another shape.
    """
    from PIL import Image

    check_shape(picture, shape, where)
    try:
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS) as opened:
            made = np.asarray(opened)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{where}: the image is damaged, leave the row out: {error}") from None
    return made[None] if made.ndim == 2 else made.transpose(2, 0, 1)


def check_shape(picture: bytes | Path, shape: tuple[int, ...], where: str) -> None:
    """Compare a picture's shape.

    Raises:
        DataError: It has another one than ``shape``, or cannot be read.
    """
    if (own := shape_of(picture, where)) != tuple(shape):
        raise DataError(
            f"{where}: the image is {_size(own)}, the first one {_size(shape)}: bring all to one size by Pillow's"
            ' image.resize, and to the same channels by image.convert("RGB")'
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[2]} with {shape[0]} channel{'s' if shape[0] > 1 else ''}"
