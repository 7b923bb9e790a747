"""Benchmark: which of five classes is this photograph? miniImageNet, few-shot tasks as clients."""

from metafed.core.episodes import Shots
from metafed.data.family import Family
from metafed.data.sets.miniimagenet.reader import QUERY, SIDE, FiveWayFiveShot, FiveWayOneShot

MINIIMAGENET = Family(
    name="miniimagenet",
    kind="classification",
    shots=Shots(support=1, query=QUERY, evaluation=QUERY, per_class=True),
    sources={"5w1s": FiveWayOneShot, "5w5s": FiveWayFiveShot},
    anonymous=True,
    network="conv4",
    image=(3, SIDE, SIDE),
    filters=32,  # as in Finn et al. 2017, section 5.2, against overfitting
)
