"""Kinds of devices, as a TOML file describes them: how fast, how large, when there, what they take."""

from collections.abc import Mapping
from math import fsum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from metafed.core.errors import DataError
from metafed.core.names import near
from metafed.core.reading import brief, read_toml
from metafed.core.settings import Settings

DEFAULT = Path(__file__).with_name("default.toml")
HOURS = 24
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Chance = Annotated[float, Field(ge=0, le=1)]


class Tier(Settings):
    """One kind of device."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    share: NotNegative = Field(description="Part of the clients that have one; shares add up to 1.")
    flops: Positive = Field(description="Floating-point operations a second that training really gets.")
    memory: Positive = Field(description="Bytes that training may take.")
    down: Positive = Field(description="Bytes a second to the device.")
    up: Positive = Field(description="Bytes a second from the device.")
    latency: NotNegative = Field(0.0, description="Seconds before the first byte of a round.")
    online: tuple[Chance, ...] = Field((1.0,) * HOURS, description="Chance to be there, by local hour.")
    dropout: Chance = Field(0.0, description="Chance to leave in the middle of a round.")
    watts: NotNegative = Field(0.0, description="Power while training.")
    joules_per_byte: NotNegative = Field(0.0, description="Energy of the radio, either way.")
    spread: NotNegative = Field(0.0, le=3, description="Standard deviation of the logarithm of a device's speeds.")

    @field_validator("online", mode="before")
    @classmethod
    def _every_hour(cls, value: Any) -> Any:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return (value,) * HOURS
        if not isinstance(value, (list, tuple)) or len(value) != HOURS:
            raise ValueError(f"give one chance, or {HOURS} of them, one for each local hour from 0")
        return value


class Description(Settings):
    """A file of devices."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    tiers: Mapping[str, Tier] = Field(min_length=1, description="The tiers, by name.")
    by_group: Mapping[str, Mapping[str, NotNegative]] = Field(
        default_factory=dict, description="Shares of the tiers among the clients of a group, instead of the tiers' own."
    )
    every: Positive = Field(
        600.0, description="Seconds from the start of a round to that of the next, unless the round lasts longer."
    )
    time_zones: tuple[Annotated[float, Field(ge=-12, le=14)], ...] = Field(
        (0.0,), min_length=1, description="Hours ahead of UTC, all equally likely."
    )

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        shares = {"tiers": {name: tier.share for name, tier in self.tiers.items()}}
        for where, own in {**shares, **{f"by-group.{group}": own for group, own in self.by_group.items()}}.items():
            for name in own:
                if name not in self.tiers:
                    hint = near(name, self.tiers)
                    raise ValueError(f"{where}: no tier is called {name!r}{hint} (there are {', '.join(self.tiers)})")
            if abs(fsum(own.values()) - 1) > 1e-6:
                raise ValueError(f"{where}: shares add up to {fsum(own.values()):g}, not to 1")
        return self

    def shares(self, group: str) -> Mapping[str, float]:
        """Return the tiers' shares among the clients of a group."""
        return self.by_group.get(group) or {name: tier.share for name, tier in self.tiers.items()}


def describe(devices: str) -> Description:
    """Read what ``--devices.tiers`` names: ``default`` or a file.

    Raises:
        DataError: The file cannot be read, or a key or a value is not allowed.
    """
    path = DEFAULT if devices == "default" else Path(devices)
    given = read_toml(path, "--devices.tiers")
    try:
        return Description.model_validate(given)
    except ValidationError as error:
        raise DataError(f"--devices.tiers {path}: {'; '.join(map(_explained, error.errors()))}") from None


def _explained(problem: Any) -> str:
    where = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "extra_forbidden":
        keys = [name.replace("_", "-") for model in (Tier, Description) for name in model.model_fields]
        return f"{where}: unknown key" + near(where.rpartition(".")[2], keys)
    if problem["type"] == "missing":
        return f"{where}: is missing"
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}" if where else str(problem["ctx"]["error"])
    return f"{where} = {brief(problem['input'])}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
