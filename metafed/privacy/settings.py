"""The settings of differential privacy."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FIRST_CLIP = 0.1
"""Where an adaptive clip starts unless it is told: as in Andrew et al. 2021."""


class PrivacySettings(BaseModel):
    """``--dp-…``: differential privacy of a client's whole take part in training; off unless noise or ε is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dp_noise: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Client-level differential privacy: noise multiplier z, the noise's standard deviation in units of"
        " --dp-clip. Default: what --dp-epsilon needs, or no noise and no privacy.",
    )
    dp_clip: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Length C that what a client adds to the sum is cut to, over all of its parts together. With"
        " --dp-quantile the first C, 0.1 by default.",
    )
    dp_delta: float | None = Field(
        None, gt=0, lt=1, description="δ of the guarantee. Default: 1 / n^1.1 for n seen clients."
    )
    dp_epsilon: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="ε that all rounds together may cost at most."
    )
    dp_quantile: float | None = Field(
        None, gt=0, lt=1, description="Adapt C, privately, to this quantile of the lengths. Default: C stays."
    )
    dp_clip_rate: float = Field(0.2, gt=0, le=1, description="How fast C adapts, with --dp-quantile.")
    dp_accountant: Literal["rdp", "pld"] = Field(
        "rdp",
        description="How ε is computed. rdp: by Rényi divergences, fast; pld: by privacy loss distributions, tighter,"
        " about a second a round. Both are of dp-accounting.",
    )
    dp_random: Literal["seed", "system"] = Field(
        "seed",
        description="Where noise comes from. seed: the run's seed, so that it repeats bit by bit, and whoever knows the"
        " seed can subtract the noise: for studies. system: the operating system; no run repeats.",
    )

    dp_model: Literal["central", "local"] = Field(
        "central",
        description="Who adds noise. central: the server, to the sum; it is trusted. local: each client, to what it"
        " sends, so that nobody is; the sum has √n times the noise (docs/privacy.md).",
    )

    @property
    def private(self) -> bool:
        """Whether training is differentially private."""
        return self.dp_noise is not None or self.dp_epsilon is not None
