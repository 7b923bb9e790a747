"""Omniglot: Lake, Salakhutdinov, Tenenbaum, Science 350 (2015): 1623 characters of 50 alphabets, 20 drawings each.

30 alphabets are the background set and 20 the evaluation set, as published. Seen clients have background
characters, unseen clients have evaluation characters.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.data.sets.base import Dataset, arrays, require
from metafed.data.source import Origin

SIDE = 28
DRAWINGS = 20
"""Drawings of each character, each by another drawer."""


class Drawings(NamedTuple):
    """The file's content.

    Attributes:
        images: Ink 255, paper 0, ``(characters, DRAWINGS, SIDE, SIDE)``, uint8.
        alphabet: Each character's alphabet ``(characters,)``.
        names: Names of the alphabets.
        held_out: Which characters are of the evaluation set, bool ``(characters,)``.
    """

    images: np.ndarray
    alphabet: np.ndarray
    names: list[str]
    held_out: np.ndarray


class Omniglot(Dataset, ABC):
    """Clients who tell characters apart; a row of x is a flattened image, 1 = ink and 0 = paper."""

    held_out_classes = True
    features = SIDE * SIDE
    file = Path("omniglot/omniglot28.npz")
    licence = "MIT, (c) 2015 Brenden Lake"
    remedy = (
        "write it from https://github.com/brendenlake/omniglot: images_background and images_evaluation,"
        " area-averaged to 28x28, ordered by character, then drawer"
    )

    @property
    @final
    def ways(self) -> int:
        """Characters in a task."""
        return self.outputs

    @property
    @abstractmethod
    def about(self) -> tuple[str, ...]:
        """What a reader must know of the clients."""

    @property
    @final
    def notes(self) -> tuple[str, ...]:
        """What the clients are, the split, and the licence."""
        held_out = self.drawings.held_out
        return (
            *self.about,
            f"seen clients have {np.sum(~held_out)} background characters, unseen ones {np.sum(held_out)} others",
            f"licence: {self.licence}",
        )

    @property
    @final
    def drawings(self) -> Drawings:
        """The file's content, read once a process.

        Raises:
            DataError: The file is missing or damaged.
        """
        return read(self.path, self.path.stat().st_mtime_ns)


def unseen(origin: Origin, client: int) -> bool:
    """Say whether the source's client is held out of meta-training."""
    return origin.unseen_from is not None and client >= origin.unseen_from


def flatten(images: np.ndarray) -> np.ndarray:
    """Turn images ``(n, SIDE, SIDE)`` of 0 … 255 to rows of x ``(n, SIDE²)``, float32 from 0 to 1."""
    return np.asarray(images.reshape(len(images), -1) / np.float32(255), dtype=np.float32)


@lru_cache(maxsize=1)
def read(path: Path, changed: int) -> Drawings:
    """Read the file; ``changed``, its time of change, keeps an older content from being returned.

    Raises:
        DataError: It is damaged.
    """
    labels = dict.fromkeys(("character", "alphabet", "split"), ("iu", 1))
    found = arrays(path, {"images": ("u", 3), **labels, "alphabet_names": ("U", 1)})
    images, names = found["images"], found["alphabet_names"].tolist()
    require(path, images.dtype == np.uint8, f"images are {images.dtype}, not uint8")
    require(path, images.shape[1:] == (SIDE, SIDE), f"images have shape {images.shape[1:]}")
    characters, rest = divmod(len(images), DRAWINGS)
    require(path, characters > 0 and rest == 0, f"{len(images)} images are not {DRAWINGS} for each character")
    for name in labels:
        require(path, len(found[name]) == len(images), f"{name} has {len(found[name])} rows, images {len(images)}")
    # one row a character from here on; the numbers of characters say nothing but their order
    first = np.arange(0, len(images), DRAWINGS)
    ordered = (found["character"] == np.repeat(np.arange(characters), DRAWINGS)).all()
    require(path, bool(ordered), f"images are not ordered by character, {DRAWINGS} of each")
    for name in ("alphabet", "split"):
        same = (found[name] == np.repeat(found[name][first], DRAWINGS)).all()
        require(path, bool(same), f"a character has several values of {name}")
    alphabet, split = found["alphabet"][first].astype(np.int64), found["split"][first]
    require(path, bool(alphabet.max() < len(names)), f"an alphabet is not one of 0 … {len(names) - 1}")
    require(path, set(np.unique(split).tolist()) == {0, 1}, "split is not 0 (background) and 1 (evaluation)")
    return Drawings(images.reshape(characters, DRAWINGS, SIDE, SIDE), alphabet, names, split == 1)
