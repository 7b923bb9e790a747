"""Omniglot's drawers: a client is one person's hand, for one whole alphabet.

A drawer drew each character of the alphabet once, 14 to 55 of them. So a class of a drawer's task is one
drawing, and its rows are that drawing and distorted copies. Each of the five slots has one
character for meta-training and another for evaluation.
"""

from functools import cached_property
from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.omniglot.reader import DRAWINGS, SIDE, Omniglot, flatten, unseen

COPIES = 10
"""Rows of one drawing: itself and nine distorted copies."""
TURN, STRETCH, SHEAR, SHIFT = 0.25, 0.15, 0.2, 2.0
"""Largest distortion: radians; share of the size; sine; pixels."""


@final
class Drawers(Omniglot):
    """Drawers of background alphabets (seen clients) and of evaluation alphabets (unseen clients)."""

    outputs = 5
    shots = Shots(support=1, query=COPIES - 1, evaluation=COPIES - 1, per_class=True)

    @property
    def about(self) -> tuple[str, ...]:
        """What a drawer is, and what this benchmark cannot tell."""
        return (
            "a client is a drawer of one alphabet; the data do not say whether a person drew several alphabets",
            f"a drawer drew each character once: a class is one drawing with {COPIES - 1} distorted copies",
            "support and query are copies of one another: scores do not compare with those of few-shot tasks",
            "training and evaluation are on different characters of the drawer",
        )

    @property
    def clients(self) -> int:
        """How many drawers there are, given how many of them are seen.

        Raises:
            DataError: More seen clients are asked for than background alphabets have drawers.
        """
        seen, held_out = self._order
        first = len(seen) if self.origin.unseen_from is None else self.origin.unseen_from
        if first > len(seen):
            raise DataError(
                f"omniglot:drawers is asked for {first} seen clients, but background alphabets have {len(seen)}"
                " drawers; choose fewer --clients or a larger --unseen"
            )
        return first + len(held_out)

    @cached_property
    def _order(self) -> tuple[np.ndarray, np.ndarray]:
        """Alphabet and drawer ``(n, 2)`` of the seen and of the unseen clients, in a random order."""
        _, alphabet, _, held_out = self.drawings
        rng = stream(self.origin.seed, "omniglot/drawers/order")

        def order(characters: np.ndarray) -> np.ndarray:
            found = np.unique(alphabet[characters])
            # a task needs twice as many characters as it has ways
            enough = [a for a in found if np.sum(alphabet == a) >= 2 * self.ways]
            return rng.permutation([(a, drawer) for a in enough for drawer in range(DRAWINGS)])

        return order(~held_out), order(held_out)

    def examples(self, client: int) -> Examples:
        """Return one drawer's task; the group is the alphabet."""
        seen, held_out = self._order
        new = unseen(self.origin, client)
        number = client - (self.origin.unseen_from or 0) if new else client
        alphabet, drawer = (held_out if new else seen)[number]
        images, alphabets, names, _ = self.drawings
        rng = stream(self.origin.seed, "omniglot/drawers", client)
        # the first five are for training, the others for evaluation
        characters = rng.choice(np.flatnonzero(alphabets == alphabet), 2 * self.ways, replace=False)
        x = np.concatenate([copies(images[character, drawer], COPIES, rng) for character in characters])
        return Examples(
            x=flatten(x),
            y=np.tile(np.repeat(np.arange(self.ways), COPIES), 2),
            group=names[alphabet],
            oracle_score=np.full(len(x), np.nan),
            evaluation=np.repeat([False, True], self.ways * COPIES),
        )


def copies(image: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``image (SIDE, SIDE)`` and ``count`` − 1 distorted copies, ``(count, SIDE, SIDE)``."""
    turn, shear = rng.uniform(-TURN, TURN, count - 1), rng.uniform(-SHEAR, SHEAR, count - 1)
    stretch = 1 + rng.uniform(-STRETCH, STRETCH, (count - 1, 2))
    shift = rng.uniform(-SHIFT, SHIFT, (count - 1, 2, 1))
    cos, sin = np.cos(turn), np.sin(turn)
    # where in the drawing each pixel of a copy is taken from
    matrix = np.stack([np.stack([cos, -sin + shear], -1), np.stack([sin, cos], -1)], 1) * stretch[:, None, :]
    middle = (SIDE - 1) / 2
    pixels = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")).reshape(2, -1) - middle
    places = np.clip(matrix @ pixels + shift + middle, -1, SIDE)
    return np.concatenate([image[None], bilinear(image, places).reshape(count - 1, SIDE, SIDE)])


def bilinear(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate ``image (H, W)`` at rows and columns ``places (n, 2, m)``, paper around it; ``(n, m)``."""
    paper = np.pad(image.astype(np.float64), ((1, 2), (1, 2)))
    whole = np.floor(places).astype(np.int64)
    down, right = np.moveaxis(places - whole, 1, 0)
    row, column = np.moveaxis(whole + 1, 1, 0)
    above = paper[row, column] * (1 - right) + paper[row, column + 1] * right
    below = paper[row + 1, column] * (1 - right) + paper[row + 1, column + 1] * right
    return np.asarray(above * (1 - down) + below * down)
