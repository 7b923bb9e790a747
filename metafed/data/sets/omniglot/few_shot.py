"""Omniglot's few-shot tasks: a client is an N-way K-shot task, as in Vinyals et al. 2016, section 4.1.1.

A task has N characters of the background or of the evaluation set, drawn anew for every client; each is
turned by 0, 90, 180 or 270°, and a turned character counts as another character. Two turns of one
character are never in one task: round characters look the same.
"""

from abc import ABC
from typing import ClassVar, final

import numpy as np

from metafed.core.episodes import MINIMUM, Examples, Shots
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.omniglot.reader import DRAWINGS, Omniglot, flatten, unseen
from metafed.data.source import Origin

QUERY = 15
"""Query rows a class, where 20 drawings allow that many."""


class Tasks(Omniglot, ABC):
    """Any number of N-way K-shot tasks."""

    k: ClassVar[int]
    """Support rows a class."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin)
        query = min(QUERY, self._training - self.k)
        evaluation = min(QUERY, DRAWINGS - MINIMUM // 2 - self.k)
        self.shots = Shots(support=self.k, query=query, evaluation=evaluation, per_class=True)

    @property
    @final
    def clients(self) -> None:
        """Any number, if the file is sound and has characters enough.

        Raises:
            DataError: One of the two sets has fewer characters than a task.
        """
        held_out = self.drawings.held_out
        fewest = int(min(held_out.sum(), (~held_out).sum()))
        if fewest < self.ways:
            raise DataError(f"{self.path}: a task has {self.ways} characters, but one of the two sets has {fewest}")

    @property
    @final
    def about(self) -> tuple[str, ...]:
        """What a task is made of, and which drawings are for what."""
        size = self._training
        return (
            f"a client is a {self.ways}-way {self.k}-shot task; turns by 0, 90, 180, 270° are characters of their own",
            f"drawings of a background character: {size} are for meta-training, {DRAWINGS - size} for evaluation",
        )

    @property
    def _training(self) -> int:
        """Drawings of a background character that are for meta-training: evaluation needs 2 K at least."""
        return min(self.k + QUERY, DRAWINGS - max(MINIMUM // 2, 2 * self.k))

    @final
    def examples(self, client: int) -> Examples:
        """Return all drawings of one task's characters; the group is the set that they are from."""
        images, _, _, held_out = self.drawings
        new = unseen(self.origin, client)
        rng = stream(self.origin.seed, f"omniglot/{self.ways}w{self.k}s", client)
        characters = rng.choice(np.flatnonzero(held_out == new), self.ways, replace=False)
        turns = rng.integers(0, 4, self.ways)
        x = [np.rot90(images[c], turn, axes=(1, 2)) for c, turn in zip(characters, turns, strict=True)]
        return Examples(
            x=flatten(np.concatenate(x)),
            y=np.repeat(np.arange(self.ways), DRAWINGS),
            group="evaluation set" if new else "background set",
            oracle_score=np.full(self.ways * DRAWINGS, np.nan),
            evaluation=np.concatenate([self._evaluation(c, new) for c in characters]),
        )

    def _evaluation(self, character: int, new: bool) -> np.ndarray:
        """Say which drawings of a character are evaluation draws: for all its clients the same ones."""
        training = MINIMUM // 2 if new else self._training
        order = stream(self.origin.seed, "omniglot/drawings", int(character)).permutation(DRAWINGS)
        return np.asarray(order >= training)


@final
class FiveWayOneShot(Tasks):
    """``5w1s``."""

    outputs = 5
    k = 1


@final
class FiveWayFiveShot(Tasks):
    """``5w5s``."""

    outputs = 5
    k = 5


@final
class TwentyWayOneShot(Tasks):
    """``20w1s``."""

    outputs = 20
    k = 1


@final
class SixtyWayOneShot(Tasks):
    """``60w1s``: what ProtoNet is trained on in its paper; 60 background characters a task."""

    outputs = 60
    k = 1


@final
class TwentyWayFiveShot(Tasks):
    """``20w5s``."""

    outputs = 20
    k = 5
