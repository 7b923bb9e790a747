"""What a family of clients is, and where its clients' data come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from metafed.core.episodes import Examples, Shots
from metafed.environments.base import Environment
from metafed.models import NetworkName
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
    """

    seed: int
    data_dirs: tuple[Path, ...]
    unseen_from: int | None = None
    share: Share | None = None


class Source(ABC):
    """Clients of one family: generated, or read from one data set. Cheap to make; reads when first asked.

    Attributes:
        kind: Classification, regression or control, where it is not the family's.
        environment: The world in which a policy acts, where the kind is control.
        anonymous: Whether classes are slots of the client's own, where it is not as in the family.
        held_out_classes: Whether unseen clients have classes that no seen client has.
        shots: The size of episodes, where it is not the family's.
        share: Which clients it has, where it has those of one node only.
    """

    kind: ClassVar[Kind | None] = None
    environment: ClassVar[Environment | None] = None
    anonymous: ClassVar[bool | None] = None
    held_out_classes: ClassVar[bool] = False
    shots: Shots | None = None
    share: Share | None = None

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


@dataclass(frozen=True)
class Family:
    """One kind of client.

    Attributes:
        name: Its name in ``--tasks``.
        kind: Classification or regression: loss and score follow from it. A source may have a kind of its own.
        shots: The size of its episodes.
        sources: The generator under the name ``"generated"``, and readers under their data sets' names.
        anonymous: Whether classes are slots of the client's own, in no order that clients share. Training
            episodes then deal the slots anew, so that θ cannot remember who has which class in which slot; not
            so under an algorithm by which clients keep parameters of their own, which learn just that.
        network: The family's own kind of network.
        image: Channels, height and width, where rows of x are flattened images.
        filters: Filters of each convolution, unless the experiment says otherwise.
        inner_lr: The rate of the inner loop that suits its clients, where the algorithm's own does not.
    """

    name: str
    kind: Kind
    shots: Shots
    sources: Mapping[str, type[Source]]
    anonymous: bool = False
    network: NetworkName = "mlp"
    image: tuple[int, int, int] | None = None
    filters: int = 64
    inner_lr: float | None = None


class TaskChoice(NamedTuple):
    """One entry of ``--tasks``: a family and where its clients come from."""

    family: Family
    source: str

    @property
    def kind(self) -> Kind:
        """The kind of its tasks: the source's own, else the family's."""
        return self.family.sources[self.source].kind or self.family.kind

    @property
    def anonymous(self) -> bool:
        """Whether its classes are slots of the client's own: as the source says, else the family."""
        own = self.family.sources[self.source].anonymous
        return self.family.anonymous if own is None else own


GENERATED = "generated"
