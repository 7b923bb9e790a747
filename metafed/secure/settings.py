"""The settings of secure aggregation."""

from pydantic import Field

from metafed.core.settings import Settings

THRESHOLD = 2 / 3
"""Share of the clients of which more must be left to the end, unless it is set (Bonawitz et al., section 6.2)."""
FEWEST = 2
"""A sum over fewer clients is one client's."""


def threshold_of(clients: int, share: float = THRESHOLD) -> int:
    """Return how many of so many clients must be left to the end: over ``share`` of them."""
    # a product that is whole but for its rounding counts as whole
    return int(share * clients + 1e-9) + 1


class Secure(Settings):
    """Secure aggregation: off by default."""

    aggregation: bool = Field(
        False,
        description="The server gets the sum of what clients say and nothing of one of them (pairwise masks, three more"
        " messages a round, about a second for 40 clients; docs/secure-aggregation.md).",
    )
    threshold: float = Field(
        THRESHOLD,
        ge=0.5,
        lt=1,
        description="With --secure.aggregation: more than this share of the clients that sent keys must be left to the"
        " end, or the round's sum is lost. Lower: more may be lost; higher: more who collude with the server may be"
        " withstood. 0.5 withstands none.",
    )
    fewest: int | None = Field(
        None,
        ge=FEWEST,
        le=10**9,
        description="With --secure.aggregation: a part of θ that fewer clients of a round hold is not summed, for few"
        " clients hide each other little. Default: as many as must be left to the end of the round.",
    )

    def fewest_of(self, clients: int) -> int:
        """Return how many clients must hold a part in a round in which so many sent keys."""
        return threshold_of(clients, self.threshold) if self.fewest is None else self.fewest
