"""The settings of secure aggregation."""

from pydantic import Field

from metafed.core.settings import Settings
from metafed.secure.party import THRESHOLD

FEWEST = 2
"""A part that fewer of the clients that are left hold is not unmasked: its sum would be one client's update."""


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
