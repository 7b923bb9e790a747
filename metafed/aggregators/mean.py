"""The mean: what the objective says, of sums alone. One lying client moves it anywhere."""

from typing import Annotated, ClassVar, Literal, final

import tyro

from metafed.aggregators.base import Aggregator, Direction, UpdateRows, plain
from metafed.core.traits import NOTHING, Trait


@final
class Mean(Aggregator):
    """The objective's own sum, over clients that are all believed."""

    name: Annotated[Literal["mean"], tyro.conf.Suppress] = "mean"
    sums: ClassVar[bool] = True
    needs: ClassVar[frozenset[Trait]] = NOTHING
    robust: ClassVar[bool] = False

    def combine(self, updates: UpdateRows, before: Direction | None = None) -> Direction:
        """Return the mean of the updates."""
        return plain(updates.mean(0))
