"""The settings of devices and of the virtual clock."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Devices(BaseModel):
    """Devices of clients, and a virtual clock: off by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tiers: str = Field(
        "none",
        description="Devices of clients, with a virtual clock: none, default, or FILE.toml of your own.",
    )
    deadline: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Virtual seconds that a round lasts at most. Default: no end."
    )
    late: Literal["drop", "shorten"] = Field(
        "drop",
        description="Clients that would miss the deadline. drop: they contribute nothing; shorten: they take fewer"
        " inner steps, at least one.",
    )
