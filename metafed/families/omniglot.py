"""Benchmark: which of N characters is this? Omniglot, few-shot tasks or drawers as clients."""

from metafed.core.episodes import Shots
from metafed.data.family import Family
from metafed.data.sets.omniglot.drawers import Drawers
from metafed.data.sets.omniglot.few_shot import (
    FiveWayFiveShot,
    FiveWayOneShot,
    SixtyWayOneShot,
    TwentyWayFiveShot,
    TwentyWayOneShot,
)
from metafed.data.sets.omniglot.reader import SIDE

OMNIGLOT = Family(
    name="omniglot",
    kind="classification",
    shots=Shots(support=1, query=15, evaluation=15, per_class=True),
    sources={
        "5w1s": FiveWayOneShot,
        "5w5s": FiveWayFiveShot,
        "20w1s": TwentyWayOneShot,
        "20w5s": TwentyWayFiveShot,
        "60w1s": SixtyWayOneShot,
        "drawers": Drawers,
    },
    anonymous=True,
    network="conv4",
    image=(1, SIDE, SIDE),
)
