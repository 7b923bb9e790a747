"""Where a family's clients and their data come from."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.environments.base import Environment
from metafed.models import Inputs
from metafed.tasks.task import Kind


class Share(NamedTuple):
    """The clients that a node hosts whose data are those of its own people only.

    Attributes:
        node: The node's number.
        nodes: How many nodes there are.
        numbers: The numbers within the source of the clients that it hosts, ascending.
    """

    node: int
    nodes: int
    numbers: tuple[int, ...]


class Origin(NamedTuple):
    """What a source may depend on.

    Attributes:
        seed: The experiment's.
        data_dirs: Where data sets are looked for.
        unseen_from: The first of the source's client numbers that is held out of meta-training, for data
            sets with held-out classes; None if no client is.
        share: The clients of a node whose table of its own holds its own people only; None where a table holds
            everybody. Sources of ours do not look at it.
        anonymise: Whether names of clients are hashed; those of published data sets are none of people.
        query_rows: Query rows of a training episode, where they are not as many as the source's; for its notes.
    """

    seed: int
    data_dirs: tuple[Path, ...]
    unseen_from: int | None = None
    share: Share | None = None
    anonymise: bool = False
    query_rows: int | None = None


class Source(ABC):
    """Clients of one family: generated, or read from one data set. Cheap to make; reads when first asked.

    Attributes:
        kind: Classification, regression or control, where it is not the family's.
        environment: The world in which a policy acts, where the kind is control.
        anonymous: Whether classes are slots of the client's own, where it is not as in the family.
        held_out_classes: Whether unseen clients have classes that no seen client has.
        shots: The size of episodes, where it is not the family's.
        share: Which clients it has, where it has those of one node only.
        textual: Whether it offers its rows as texts to networks that want them.
        weighted: Whether its rows have weights, ``Examples.weight``.
    """

    kind: ClassVar[Kind | None] = None
    environment: ClassVar[Environment | None] = None
    anonymous: ClassVar[bool | None] = None
    held_out_classes: ClassVar[bool] = False
    shots: Shots | None = None
    share: Share | None = None
    textual: ClassVar[bool] = False
    weighted: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, origin: Origin) -> None:
        """Keep what the source depends on; nothing is read."""

    @property
    @abstractmethod
    def features(self) -> int:
        """Numbers in a row of x, an image is flattened; numbers that a policy sees, where the kind is control.

        Ours are class attributes, known without reading anything, so that a server needs no data. A user's own data
        set is read for it, unless its description says enough.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Classes, or numbers to predict; known as ``features`` are."""

    @property
    def inner_lr(self) -> float | None:
        """Inner rate that suits its clients, where it is not the family's; known as ``features`` are."""
        return None

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes of its rows, in the order of ``Examples.attributes``; known as ``features`` are."""
        return ()

    @property
    def columns(self) -> tuple[tuple[str, int], ...]:
        """Name and width of each column behind the features, in their order; empty where they have no names."""
        return ()

    def called(self, client: int) -> str:
        """Return what the data call client ``client``, for messages; empty where they have no name for it."""
        return ""

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

    @property
    def sequence(self) -> Inputs | None:
        """The sequences that it offers to networks that want them; None: it has features only."""
        return None

    @property
    def encoder_sha256(self) -> str | None:
        """The hash of the sentence encoder that reads its texts; None where none does."""
        return None

    @property
    def sequence_notes(self) -> tuple[str, ...]:
        """What a reader of results must know of its sequences; known as ``notes`` are."""
        return ()

    def sequences(self, client: int) -> np.ndarray:
        """Return the rows of ``examples`` as the sequences that ``sequence`` describes, ``(n, *shape)``."""
        raise NotImplementedError(f"{type(self).__name__} offers no sequences")

    def texts(self, client: int) -> list[str]:
        """Return the rows of ``examples`` as texts."""
        raise NotImplementedError(f"{type(self).__name__} offers no texts")


GENERATED = "generated"
