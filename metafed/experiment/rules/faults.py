"""Which faults mean something for an experiment; all others are refused before anything runs."""

from typing import TYPE_CHECKING

from metafed.core.source import DataError
from metafed.faults.plan import OMNISCIENT, faults_of

if TYPE_CHECKING:
    from metafed.experiment.settings import Experiment


def check_faults(experiment: "Experiment") -> None:
    """Refuse faults that nobody can have.

    Raises:
        DataError: A client does not train, has no labels, or lies by what nobody may know.
    """
    faults = faults_of(experiment)
    if faults is None:
        return
    kinds = {fault.kind for fault in faults.faults}
    control = [choice.family.name for choice in experiment.choices if choice.kind == "control"]
    if "label-flip" in kinds and control:
        raise DataError(f"--faults: kind 'label-flip': family {control[0]!r} is control and has no labels")
    if faults.omniscient:
        lie = min(kinds & set(OMNISCIENT))
        if experiment.private or experiment.secure_aggregation:
            raise DataError(
                f"--faults: kind {lie!r} needs what every client says, which privacy and secure aggregation hide; leave"
                " out --dp-… and --secure-aggregation"
            )
        if experiment.objective.apart == "no" or experiment.algorithm.weighs == "none":
            raise DataError(
                f"--faults: kind {lie!r} needs updates that each client determines alone, which this objective or"
                " algorithm does not have; choose --objective mean"
            )
