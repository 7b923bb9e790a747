"""What the chosen settings of an experiment declare of themselves; a rule between them is an operation on sets."""

from metafed.core.traits import EVERYTHING, NOTHING, Declared, Trait
from metafed.experiment.fields import Fields
from metafed.experiment.lookup import aggregator_name, objective_name, sampler_name
from metafed.faults.plan import OMNISCIENT, described

WITHHOLDING = Declared("a node that shares no rows of single clients", hides=EVERYTHING)
"""A node of a deployment whose config does not say ``share-client-rows``."""


def declared(experiment: Fields) -> list[Declared]:
    """Return what each chosen setting needs of single clients, and what it hides of them."""
    chosen = [
        Declared(
            f"--objective {objective_name(experiment.objective)}",
            experiment.objective.needs,
            instead="choose --objective mean, propfair, qffl or tilted",
        ),
        Declared(
            f"--sampling {sampler_name(experiment.sampling)}",
            experiment.sampling.needs,
            instead="choose --sampling uniform",
        ),
        Declared(
            f"--aggregator {aggregator_name(experiment.aggregator)}",
            experiment.aggregator.needs,
            instead="choose --aggregator mean",
        ),
        Declared(
            "--privacy.noise or --privacy.epsilon", hides=experiment.mechanism.hides if experiment.private else NOTHING
        ),
        Declared(
            f"--validation {experiment.validation:g}",
            _if(experiment.validation > 0, "client_losses"),
            instead="leave it out",
        ),
        Declared(f"--score {experiment.score}", _if(bool(experiment.score), "client_rows"), instead="leave it out"),
        Declared("--keep-predictions", _if(experiment.keep_predictions, "client_predictions"), instead="leave it out"),
        Declared(
            "--secure.aggregation",
            hides=_if(experiment.secure.aggregation, "client_updates", "client_predictions"),
        ),
        Declared(
            f"--devices.tiers {experiment.devices.tiers}",
            _if(experiment.devices.tiers != "none", "client_rows"),
            instead="choose --devices.tiers none",
        ),
    ]
    kinds = {fault.kind for fault in described(experiment.faults)}
    if lies := sorted(kinds & set(OMNISCIENT)):
        needs: frozenset[Trait] = frozenset({"client_updates"})
        chosen.append(Declared(f"--faults of kind {lies[0]!r}", needs, instead="leave this kind of fault out"))
    return chosen


def _if(holds: bool, *traits: Trait) -> frozenset[Trait]:
    return frozenset(traits) if holds else NOTHING
