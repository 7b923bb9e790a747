"""How rows without people are shared out to clients, as the literature does it: pure functions of labels and a stream.

A new one is a class in a file of its own and a line in ``PARTITIONS``. Rows whose people are known need none: name
their column as the client.
"""

from metafed.data.partition.base import Partition
from metafed.data.partition.classes import ClassesPerClient
from metafed.data.partition.dirichlet import Dirichlet
from metafed.data.partition.equal_dirichlet import EqualDirichlet
from metafed.data.partition.iid import Iid
from metafed.data.partition.quantity import Quantity
from metafed.data.partition.shards import Shards

PARTITIONS: dict[str, type[Partition]] = {
    "iid": Iid,
    "dirichlet": Dirichlet,
    "equal-dirichlet": EqualDirichlet,
    "shards": Shards,
    "classes-per-client": ClassesPerClient,
    "quantity": Quantity,
}

__all__ = [
    "PARTITIONS",
    "ClassesPerClient",
    "Dirichlet",
    "EqualDirichlet",
    "Iid",
    "Partition",
    "Quantity",
    "Shards",
]
