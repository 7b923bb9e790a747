"""The same number of classes for every client."""

from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from metafed.data.partition.base import Partition


@final
class ClassesPerClient(Partition):
    """Each client has rows of exactly so many classes; the rows of a class are shared out equally among its clients.

    As in experiments of Collins et al. 2021, arXiv:2102.07078, and "pathological" in PFLlib and flwr-datasets. A client
    gets the classes that fewest have so far, ties at random, so that the numbers of clients of two classes differ by
    one at most and no row is left over.

    Attributes:
        classes: Classes of a client.
    """

    kind: Literal["classes-per-client"] = "classes-per-client"
    classes: int = Field(2, ge=1, le=10**6)
    goes_by: ClassVar = "class"
    about: ClassVar = "by classes, the same number of them for each client (Collins et al. 2021)"

    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        names, place = np.unique(labels, return_inverse=True)
        self._check(len(names))
        has = np.zeros((self.clients, len(names)), bool)
        held = np.zeros(len(names), np.int64)
        for own in has:
            own[np.lexsort((rng.random(len(names)), held))[: self.classes]] = True
            held += own
        client = np.empty(len(labels), np.int64)
        for number, clients in enumerate(has.T):
            rows = rng.permutation(np.flatnonzero(place == number))
            owners = rng.permutation(np.flatnonzero(clients))
            if len(rows) < len(owners):
                raise ValueError(
                    f"a class has {len(rows)} rows for {len(owners)} clients: choose fewer clients or classes for each,"
                    f" or leave out rare classes, rare = {len(owners)}"
                )
            client[rows] = np.resize(owners, len(rows))
        return client

    def _check(self, there: int) -> None:
        if self.classes > there:
            raise ValueError(f"classes = {self.classes:,} for each client, but there are {there:,}: choose fewer")
        if self.clients * self.classes < there:
            raise ValueError(
                f"{self.clients:,} clients of {self.classes:,} classes cannot have all {there:,} classes: choose"
                f" {-(-there // self.classes):,} clients at least, or more classes for each"
            )
