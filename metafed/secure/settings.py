"""The setting of secure aggregation, and what it can be had with."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from metafed.secure.party import THRESHOLD

if TYPE_CHECKING:
    from metafed.experiment.settings import Experiment

FEWEST = 2
"""A part that fewer of the clients that are left hold is not unmasked: its sum would be one client's update."""


class SecureSettings(BaseModel):
    """``--secure-aggregation``: off by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secure_aggregation: bool = Field(
        False,
        description="The server gets the sum of what clients say and nothing of one of them (pairwise masks, three more"
        " messages a round, about a second for 40 clients; docs/secure-aggregation.md).",
    )
    secure_threshold: float = Field(
        THRESHOLD,
        ge=0.5,
        lt=1,
        description="With --secure-aggregation: more than this share of the clients that told keys must be left to the"
        " end, or the round's sum is lost. Lower: more may be lost; higher: more who collude with the server may be"
        " withstood. 0.5 withstands none.",
    )


def check_secure(experiment: "Experiment") -> None:
    """Refuse what needs more than one sum of numbers of a known size.

    Raises:
        ValueError: The message says what and why.
    """
    from metafed.experiment.lookup import aggregator_name, objective_name
    from metafed.faults.plan import faults_of
    from metafed.objectives import Qffl, Tilted

    if not experiment.secure_aggregation:
        if experiment.secure_threshold != THRESHOLD:
            raise ValueError(
                f"--secure-threshold {experiment.secure_threshold:g} does nothing without --secure-aggregation"
            )
        return
    objective, name = experiment.objective, objective_name(experiment.objective)
    if not experiment.aggregator.sums:
        raise ValueError(
            f"--secure-aggregation hides each client's vote, which --aggregator "
            f"{aggregator_name(experiment.aggregator)} needs; choose --aggregator mean"
        )
    if objective.apart == "no":
        raise ValueError(
            f"--secure-aggregation cannot be had with --objective {name}: sums by group, or weights by others' losses;"
            " choose mean, weighted or propfair"
        )
    if isinstance(objective, Qffl | Tilted) and not experiment.private:
        raise ValueError(
            f"--secure-aggregation cannot be had with --objective {name}: its shares need a common scale, which only"
            " who sees them knows; choose mean, weighted or propfair, or cut them by --dp-clip with --dp-noise"
        )
    if (faults := faults_of(experiment)) is not None and faults.omniscient:
        raise ValueError("--secure-aggregation: no liar is told what honest clients say; leave out alie, inner-product")
    for part, share in experiment.holders.items():
        if int(experiment.cohort_size * share + 1e-9) < FEWEST + 1:
            raise ValueError(
                f"--secure-aggregation needs more clients: of a cohort of {experiment.cohort_size} fewer than"
                f" {FEWEST + 1} hold the part {part!r}; choose a larger --cohort"
            )
