"""The settings of differential privacy."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from pydantic import Field, field_validator

from metafed.core.session import name_of
from metafed.core.settings import Settings
from metafed.privacy.base import Mechanism
from metafed.sampling import Sampler

FIRST_CLIP, MEDIAN = 0.1, 0.5
"""Where an adaptive clip starts and which quantile it follows by default: as in Andrew et al. 2021."""


class Privacy(Settings):
    """Differential privacy of all that a client contributes to training; off unless noise or ε is given."""

    noise: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Client-level differential privacy: noise multiplier z, the noise's standard deviation in units of"
        " --privacy.clip. Default: what --privacy.epsilon needs, or no noise and no privacy.",
    )
    clip: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Length C that what a client adds to the sum is cut to, over all of its parts together. With"
        " --privacy.quantile the first C, 0.1 by default.",
    )
    delta: float | None = Field(
        None, gt=0, lt=1, description="δ of the guarantee. Default: 1 / n^1.1 for n seen clients."
    )
    epsilon: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="ε that all rounds together may cost at most."
    )
    quantile: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Adapt C, privately, to this quantile of the lengths. Default: C stays, or 0.5 without"
        " --privacy.clip.",
    )
    clip_rate: float = Field(0.2, gt=0, le=1, description="How fast C adapts, with --privacy.quantile.")
    accountant: Literal["rdp", "pld"] = Field(
        "rdp",
        description="How ε is computed. rdp: by Rényi divergences, fast; pld: by privacy loss distributions, tighter,"
        " about a second a round. Both are of dp-accounting.",
    )
    random: Literal["seed", "system"] | None = Field(
        None,
        description="Where noise comes from. seed: the run's seed, so that it repeats bit by bit, and whoever knows the"
        " seed can subtract the noise: for studies. system: the operating system; no run repeats. Default: seed in a"
        " simulation, system in a deployment.",
    )

    model: str = Field(
        "central",
        description="Who adds which noise. central: the server, to the sum; it is trusted. local: each client, to what"
        " it sends, so that nobody is; the sum has √n times the noise (docs/privacy.md). Both Gaussian; or MODULE:CLASS"
        " (docs/extending/privacy-mechanism.md).",
    )

    @field_validator("model", mode="before")
    @classmethod
    def _mechanism_has_a_name(cls, value: Any) -> Any:
        return name_of(value) if isinstance(value, type) else value

    @property
    def on(self) -> bool:
        """Whether training is differentially private."""
        return self.noise is not None or self.epsilon is not None

    @property
    def followed(self) -> float | None:
        """The quantile of the lengths that C follows; None if C stays."""
        return MEDIAN if self.on and self.clip is None and self.quantile is None else self.quantile


class PrivateExperiment(Protocol):
    """What a guarantee depends on of an experiment."""

    @property
    def privacy(self) -> Privacy:
        """Its settings of privacy."""

    @property
    def mechanism(self) -> Mechanism:
        """Who adds which noise."""

    @property
    def sampling(self) -> Sampler:
        """Who is asked in a round."""

    @property
    def rounds(self) -> int:
        """How many rounds it has."""

    @property
    def seed(self) -> int:
        """Its seed."""

    @property
    def cohort_size(self) -> int:
        """Clients sampled in a round, or expected."""

    @property
    def seen_clients(self) -> int:
        """Clients that can be sampled."""


def deployed(settings: Mapping[str, bool | int | float | str]) -> dict[str, bool | int | float | str]:
    """Return the run config of a deployment: its noise is the system's, unless it asks for that of the seed."""
    private = settings.get("privacy.noise") or settings.get("privacy.epsilon")
    return {**settings, "privacy.random": settings.get("privacy.random") or ("system" if private else "")}
