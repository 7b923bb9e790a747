"""What a family of clients is, and where its clients' data come from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from metafed.episodes import Examples, Shots
from metafed.models import NetworkName
from metafed.tasks import Kind


class Origin(NamedTuple):
    """What a source may depend on.

    Attributes:
        seed: The experiment's.
        data_dirs: Where data sets are looked for.
        unseen_from: The first of the source's client numbers that is held out of meta-training, for data
            sets with held-out classes; None if no client is.
    """

    seed: int
    data_dirs: tuple[Path, ...]
    unseen_from: int | None = None


class DataError(ValueError):
    """A data set is missing, damaged or too small; the message says which file and what to do."""


class Source(ABC):
    """Clients of one family: generated, or read from one data set. Cheap to make; reads when first asked.

    ``features`` and ``outputs`` are known without reading anything, so a server needs no data.

    Attributes:
        features: Numbers in a row of x; an image is flattened.
        outputs: Classes, or numbers to predict.
        shots: The size of episodes, where it is not the family's.
    """

    features: ClassVar[int]
    outputs: ClassVar[int]
    shots: Shots | None = None

    @property
    @abstractmethod
    def clients(self) -> int | None:
        """How many clients there are; None if any number can be made.

        Raises:
            DataError: The data set is missing or damaged.
        """

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What a reader of results must know: clients skipped and why, artificial partitions, and so on."""

    @property
    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """The files that were read, for the manifest; empty for a generator."""

    @abstractmethod
    def examples(self, client: int) -> Examples:
        """Return client ``client``'s own rows; the same at every call, made or read only now.

        Args:
            client: Number within the source, from 0.
        """


@dataclass(frozen=True)
class Family:
    """One kind of client.

    Attributes:
        name: Its name in ``--tasks``.
        kind: Classification or regression: loss and score follow from it.
        shots: The size of its episodes.
        sources: The generator under the name ``"generated"``, and readers under their data sets' names.
        anonymous: Whether classes are slots of the client's own, in no order that clients share. Training
            episodes then deal the slots anew, so that θ cannot remember who has which class in which slot; not
            so under an algorithm by which clients keep parameters of their own, which learn just that.
        network: The family's own kind of network.
        image: Channels, height and width, where rows of x are flattened images.
    """

    name: str
    kind: Kind
    shots: Shots
    sources: Mapping[str, Callable[[Origin], Source]]
    anonymous: bool = False
    network: NetworkName = "mlp"
    image: tuple[int, int, int] | None = None


GENERATED = "generated"
