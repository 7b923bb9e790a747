"""The settings of devices and of the virtual clock."""

from typing import Literal

from pydantic import Field

from metafed.core.settings import Settings


class Devices(Settings):
    """Devices of clients, and a virtual clock: off by default."""

    tiers: str = Field(
        "none",
        description="Devices of clients, with a virtual clock: none, default, or FILE.toml of your own.",
    )
    deadline: float | None = Field(
        None, gt=0, le=10**9, description="Virtual seconds that a round lasts at most. Default: no end."
    )
    late: Literal["drop", "shorten"] = Field(
        "drop",
        description="Clients that would miss the deadline. drop: they contribute nothing; shorten: they take fewer"
        " inner steps, at least one.",
    )
