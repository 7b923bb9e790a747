"""miniImageNet: 84 × 84 colour images of 100 classes, 600 of each (Vinyals et al. 2016; Ravi, Larochelle, ICLR 2017).

A client is an N-way K-shot task. Seen clients have classes of the train split, unseen clients of the test split; the
val split is left alone. A process reads only the split that its clients need: 0.8 GB in memory for the train
split, 0.25 GB for the test split.
"""

from abc import ABC
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple, final

import numpy as np

from metafed.core.episodes import MINIMUM, Examples, Shots
from metafed.core.streams import stream
from metafed.data.sets.base import Dataset, arrays, require
from metafed.data.source import Origin

SIDE = 84
SPLITS = ("train", "val", "test")
PUBLISHED = (64, 16, 20)
"""Classes of each split, as published."""
WAYS = 5
QUERY = 15
"""Query rows a class."""
HELD = 5
"""One in so many images of a train class is for evaluation."""
FEWEST = 2 * (5 + QUERY)
"""Images that a class must have, so that meta-training and evaluation have an episode each, none shared."""


class Pictures(NamedTuple):
    """One split's content.

    Attributes:
        images: Red, green, blue, ``(n, SIDE, SIDE, 3)``, uint8, ordered by class.
        start: First image of each class, and behind the last one ``(classes + 1,)``.
    """

    images: np.ndarray
    start: np.ndarray


class Tasks(Dataset, ABC):
    """Any number of N-way K-shot tasks; a row of x is a flattened image, channel by channel, from 0 to 1."""

    held_out_classes = True
    features = 3 * SIDE * SIDE
    outputs = WAYS
    file = Path("miniimagenet/miniimagenet.npz")
    licence = "none of its own; ImageNet's terms of access"
    k: ClassVar[int]
    """Support rows a class."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin)
        self.shots = Shots(support=self.k, query=QUERY, evaluation=QUERY, per_class=True)

    @property
    @final
    def clients(self) -> None:
        """Any number, if the file is sound; the images themselves are read when the first client needs them."""
        _ = self._labels

    @property
    @final
    def notes(self) -> tuple[str, ...]:
        """What a client is, the split, and the licence."""
        sizes = tuple(len(self._labels[name]) - 1 for name in SPLITS)
        other = f"the published split has {_sizes(PUBLISHED)} classes, this file {_sizes(sizes)}"
        return (
            f"a client is a {WAYS}-way {self.k}-shot task; seen clients have train classes, unseen ones test classes",
            f"one in {HELD} images of a train class, {self.k + QUERY} at least, is for evaluation; val is left alone",
            *((other,) if sizes != PUBLISHED else ()),
            f"licence: {self.licence}",
        )

    @property
    def _labels(self) -> dict[str, np.ndarray]:
        """First image of each class of each split, and behind the last.

        Raises:
            DataError: The file is missing or damaged.
        """
        return read_labels(self.path, self.path.stat().st_mtime_ns)

    @final
    def examples(self, client: int) -> Examples:
        """Return the images of one task; the group is the split that they are from."""
        new = self.origin.unseen_from is not None and client >= self.origin.unseen_from
        split = "test" if new else "train"
        images, start = read_split(self.path, self.path.stat().st_mtime_ns, split)
        rng = stream(self.origin.seed, f"miniimagenet/{WAYS}w{self.k}s", client)
        size = self.k + QUERY
        # of a class that meta-training never sees, its rows are the fewest that there may be
        sizes = (MINIMUM // 2 if new else size, size)
        rows = []
        for label in rng.choice(len(start) - 1, WAYS, replace=False):
            order = stream(self.origin.seed, f"miniimagenet/{split}", int(label)).permutation(
                np.arange(start[label], start[label + 1])
            )
            held = sizes[0] if new else len(order) - max(size, len(order) // HELD)
            pools = (order[:held], order[held:])
            rows += [rng.choice(pool, count, replace=False) for pool, count in zip(pools, sizes, strict=True)]
        x = images[np.concatenate(rows)].transpose(0, 3, 1, 2).reshape(-1, self.features)
        return Examples(
            x=x / np.float32(255),
            y=np.repeat(np.arange(WAYS), sum(sizes)),
            group=f"{split} classes",
            oracle_score=np.full(len(x), np.nan),
            evaluation=np.tile(np.repeat([False, True], sizes), WAYS),
        )


def _sizes(counts: tuple[int, ...]) -> str:
    return "/".join(map(str, counts))


@lru_cache(maxsize=4)
def read_labels(path: Path, changed: int) -> dict[str, np.ndarray]:
    """Return, for each split, the first image of each class and behind the last one ``(classes + 1,)``.

    Args:
        path: The file.
        changed: Its time of change, which keeps an older content from being returned.

    Raises:
        DataError: It is damaged.
    """
    found = arrays(path, {f"{name}_labels": ("iu", 1) for name in SPLITS} | {f"{n}_names": ("U", 1) for n in SPLITS})
    names = [set(found[f"{name}_names"].tolist()) for name in SPLITS]
    require(path, len(set.union(*names)) == sum(map(len, names)), "a class is in two splits")
    starts = {}
    for split in SPLITS:
        label, classes = found[f"{split}_labels"].astype(np.int64), len(found[f"{split}_names"])
        require(path, bool((np.diff(label) >= 0).all()), f"{split}_labels are not in order")
        require(path, set(label.tolist()) == set(range(classes)), f"{split}_labels are not each of 0 … {classes - 1}")
        require(path, classes >= WAYS, f"{split} has {classes} classes, at least {WAYS} are needed")
        starts[split] = np.searchsorted(label, np.arange(classes + 1))
        few = int(np.diff(starts[split]).min())
        require(path, few >= FEWEST, f"a class of {split} has {few} images, at least {FEWEST} are needed")
    return starts


@lru_cache(maxsize=2)
def read_split(path: Path, changed: int, split: str) -> Pictures:
    """Read the images of one split, once a process; ``changed`` is the file's time of change.

    Raises:
        DataError: The file is damaged.
    """
    start = read_labels(path, changed)[split]
    images = arrays(path, {f"{split}_images": ("u", 4)})[f"{split}_images"]
    require(path, images.dtype == np.uint8, f"{split}_images are {images.dtype}, not uint8")
    shape = (int(start[-1]), SIDE, SIDE, 3)
    require(path, images.shape == shape, f"{split}_images have shape {images.shape}, not {shape}")
    return Pictures(images, start)


@final
class FiveWayOneShot(Tasks):
    """``5w1s``."""

    k = 1


@final
class FiveWayFiveShot(Tasks):
    """``5w5s``."""

    k = 5
