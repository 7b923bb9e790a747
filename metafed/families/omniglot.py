"""Benchmark: which of N characters is this? Omniglot, few-shot tasks or drawers as clients."""

from metafed.datasets.omniglot import SIDE
from metafed.datasets.omniglot_drawers import Drawers
from metafed.datasets.omniglot_tasks import FiveWayFiveShot, FiveWayOneShot, TwentyWayFiveShot, TwentyWayOneShot
from metafed.episodes import Shots
from metafed.families.base import Family

OMNIGLOT = Family(
    name="omniglot",
    kind="classification",
    shots=Shots(support=1, query=15, judge=15, per_class=True),
    sources={
        "5w1s": FiveWayOneShot,
        "5w5s": FiveWayFiveShot,
        "20w1s": TwentyWayOneShot,
        "20w5s": TwentyWayFiveShot,
        "drawers": Drawers,
    },
    anonymous=True,
    network="conv4",
    image=(1, SIDE, SIDE),
)
