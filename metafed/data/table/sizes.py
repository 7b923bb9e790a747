"""Sizes of episodes, as a description says them: ``[shots]``."""

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from metafed.core.episodes import Shots

MOST_SHOTS = 10**6
"""Rows of an episode at most: memory is taken for all of them."""


class Sizes(BaseModel):
    """Sizes of episodes; what is not said is as in the family, or in ``OWN_SHOTS``."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"))

    support: int | None = Field(None, ge=1, le=MOST_SHOTS)
    query: int | None = Field(None, ge=1, le=MOST_SHOTS)
    # it was called judge
    evaluation: int | None = Field(None, ge=1, le=MOST_SHOTS, validation_alias=AliasChoices("evaluation", "judge"))
    per_class: bool | None = None
    evaluation_share: float | None = Field(None, gt=0, lt=1)

    def over(self, usual: Shots) -> Shots:
        """Return ``usual`` with what is said here."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        return Shots(**{**vars(usual), **given})
