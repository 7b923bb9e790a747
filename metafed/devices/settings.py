"""The settings of devices and of the virtual clock."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from metafed.core.settings import Settings


class Devices(Settings):
    """Devices of clients, and a virtual clock: off by default."""

    tiers: str = Field(
        "none",
        description="Devices of clients, with a virtual clock: none, default, or FILE.toml of your own; default where a"
        " deadline is given.",
    )
    deadline: float | None = Field(
        None, gt=0, le=10**9, description="Virtual seconds that a round lasts at most. Default: no end."
    )
    late: Literal["drop", "shorten"] = Field(
        "drop",
        description="Clients that would miss the deadline. drop: they contribute nothing; shorten: they take fewer"
        " inner steps, at least one.",
    )

    @model_validator(mode="before")
    @classmethod
    def _a_deadline_is_of_devices(cls, values: Any) -> Any:
        """Take the usual devices where a deadline is given and nothing is said of devices."""
        wanted = isinstance(values, Mapping) and values.get("deadline") is not None and "tiers" not in values
        return {**values, "tiers": "default"} if wanted else values
