"""The settings of devices, of the virtual clock, and of what is planted in a study."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from metafed.data.table.family import SUFFIX
from metafed.federation.injected_bias import parse_plant

if TYPE_CHECKING:
    from metafed.experiment.settings import Experiment


class DeviceSettings(BaseModel):
    """``--devices`` and what belongs to it: off by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    devices: str = Field(
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
    plant: str | None = Field(
        None,
        description="For studies: groups drawn at random, with planted unfairness:"
        " NAME:SHARE[:rows=PART][:labels=PART],… Default: the families' own groups.",
    )

    @field_validator("plant")
    @classmethod
    def _plant_is_sound(cls, value: str | None) -> str | None:
        if value is not None:
            parse_plant(value)
        return value


def check_devices(experiment: "Experiment") -> None:
    """Refuse settings that would do nothing, or cannot be had with the others.

    Raises:
        ValueError: The message says which and why.
    """
    from metafed.experiment.lookup import algorithm_name, sampler_name

    algorithm, sampling = experiment.algorithm, experiment.sampling
    if experiment.devices not in ("none", "default") and not experiment.devices.endswith(SUFFIX):
        raise ValueError(f"--devices {experiment.devices}: choose none, default, or a file of devices, FILE.toml")
    if experiment.devices == "none" and experiment.deadline is not None:
        raise ValueError(f"--deadline {experiment.deadline:g} needs --devices: without them nothing takes virtual time")
    if experiment.devices == "none" and sampling.uses == "online":
        raise ValueError(f"--sampling {sampler_name(sampling)} needs --devices: without them everyone is online")
    if experiment.late == "shorten":
        if experiment.deadline is None:
            raise ValueError("--late shorten needs --deadline: without one nobody is late")
        if not algorithm.can_be_shortened:
            raise ValueError(
                f"--late shorten: {algorithm_name(algorithm)} has no inner steps to spare"
                f" ({algorithm.training_steps}); choose --late drop"
            )
    control = [choice.family.name for choice in experiment.choices if choice.kind == "control"]
    if experiment.plant and control and parse_plant(experiment.plant).spoils_labels:
        raise ValueError(f"--plant {experiment.plant}: family {control[0]!r} is control and has no labels to spoil")
