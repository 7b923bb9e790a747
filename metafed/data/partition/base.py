"""What a partition is: settings, and a function from labels to clients."""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, TypeAlias, final

import numpy as np
from pydantic import ConfigDict, Field

from metafed.core.episodes import MINIMUM
from metafed.core.settings import Settings

Alpha: TypeAlias = Annotated[float, Field(gt=0, le=10**6)]
"""A concentration."""


class Partition(Settings):
    """How rows are shared out to clients, which are called ``0``, ``1`` and so on.

    Attributes:
        kind: Its name in a description.
        clients: How many clients there are.
        seed: Of its own: all runs have the same clients, whatever their seeds.
        goes_by: What it needs of a row: its class, the value of its target, or nothing.
        about: What notes say of it.
    """

    model_config = ConfigDict(strict=True)

    kind: str
    clients: int = Field(ge=1, le=10**7)
    seed: int = Field(0, ge=0, lt=2**63)
    goes_by: ClassVar[Literal["class", "value", "nothing"]]
    about: ClassVar[str]

    @final
    def deal(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the client of each row ``(n,)``.

        Args:
            labels: What rows are shared out by ``(n,)``: numbers of classes, or values of the target. Only its length
                matters if the partition goes by nothing.
            rng: Where the chances come from.

        Raises:
            ValueError: Some client would have fewer than ``MINIMUM`` rows, or the settings do not fit the labels.
        """
        if len(labels) < MINIMUM * self.clients:
            raise ValueError(
                f"{len(labels):,} rows are too few for {self.clients:,} clients of {MINIMUM} rows at least: at most"
                f" {len(labels) // MINIMUM:,} clients can be made"
            )
        client = self._assigned(labels, rng)
        sizes = np.bincount(client, minlength=self.clients)
        if sizes.min() < MINIMUM:
            raise ValueError(
                f"client {sizes.argmin()} would have {sizes.min()} rows, of {MINIMUM} that it needs: choose fewer"
                f" clients than {self.clients:,}, or another partition than {self.kind}"
            )
        return client

    @abstractmethod
    def _assigned(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the client of each row ``(n,)``; there are ``MINIMUM`` rows for each client, on average."""
