"""Rules between settings that need no family to be known."""

from metafed.aggregators import Aggregator
from metafed.algorithms import Algorithm
from metafed.core.traits import conflicts
from metafed.experiment.fields import Fields
from metafed.experiment.lookup import aggregator_name, algorithm_name, objective_name, sampler_name
from metafed.experiment.rules.declared import declared
from metafed.experiment.rules.privacy import check_privacy
from metafed.experiment.rules.training import check_training
from metafed.faults.plan import OMNISCIENT, described
from metafed.objectives import OBJECTIVES, Objective
from metafed.secure.settings import THRESHOLD

OWN_FILE = ".toml"
LARGEST_TRUNK = 10**9
"""Parameters of the hidden layers, at most."""


def check_settings(experiment: Fields) -> None:
    """Refuse settings that mean nothing together, or do nothing.

    Raises:
        ValueError: The message says which and why.
    """
    check_size(experiment)
    check_validation(experiment)
    check_objective(experiment.objective, experiment.algorithm)
    check_devices(experiment)
    check_training(experiment)
    check_aggregator(experiment.aggregator, experiment.objective, experiment.algorithm)
    check_means(experiment)
    check_privacy(experiment)
    check_secure(experiment)
    check_lies(experiment)
    for conflict in conflicts(declared(experiment)):
        raise ValueError(str(conflict))


def check_size(experiment: Fields) -> None:
    """Refuse a network that no machine trains for several clients at once.

    Raises:
        ValueError: It is too large.
    """
    if experiment.depth * experiment.width**2 > LARGEST_TRUNK:
        raise ValueError(
            f"--depth {experiment.depth} with --width {experiment.width}: hidden layers of"
            f" {experiment.depth * experiment.width**2:.1e} parameters (depth × width²); choose {LARGEST_TRUNK:.0e}"
            " at most"
        )


def check_validation(experiment: Fields) -> None:
    """Refuse validation that has no clients, and patience that has nothing to go by.

    Raises:
        ValueError: The message says why.
    """
    share, patience = experiment.validation, experiment.patience
    clients, wanted = experiment.clients, round(experiment.clients * share)
    if share and wanted < 1:
        raise ValueError(
            f"--validation {share:g} of {clients} clients is nobody; choose a larger share, or more --clients"
        )
    if wanted > experiment.validation_clients:
        raise ValueError(
            f"--validation {share:g} and --unseen {experiment.unseen:g} of {clients} clients leave nobody to train on;"
            " choose smaller shares"
        )
    if patience is not None and not share:
        raise ValueError(f"--patience {patience} needs validation clients to go by, such as --validation 0.1")
    if patience is not None and not experiment.eval_every:
        raise ValueError(f"--patience {patience} counts evaluations, and --eval-every 0 has one, after the last round")


def check_objective(objective: Objective, algorithm: Algorithm) -> None:
    """Refuse an objective that means nothing for what the algorithm's clients send.

    Raises:
        ValueError: It does not; the message says why.
    """
    name, reason = algorithm_name(algorithm), None
    if objective.uses != "nothing" and algorithm.weighs == "none":
        reason = "whose clients send nothing"
    elif objective.uses == "losses" and not algorithm.weighable_losses:
        reason = "whose clients train on their query rows and are evaluated before they adapt: no loss to weigh them by"
    elif objective.uses == "weights" and algorithm.weighs == "rows":
        reason = "which weighs clients by their rows already"
    if reason is not None:
        raise ValueError(
            f"--objective {objective_name(objective)} cannot be combined with the algorithm {name}, {reason}; choose"
            " --objective mean or another --algorithm (docs/objectives.md)"
        )


def check_aggregator(aggregator: Aggregator, objective: Objective, algorithm: Algorithm) -> None:
    """Refuse an aggregator of single clients' updates where others change what a client's update is.

    Raises:
        ValueError: They do; the message says why.
    """
    if aggregator.sums:
        return
    name, reason = objective_name(objective), None
    if algorithm.weighs == "none":
        name, reason = f"the algorithm {algorithm_name(algorithm)}", "whose clients send nothing"
    elif objective.separability == "sums":
        name, reason = f"--objective {name}", "which weighs clients by what each tells of itself: a liar tells anything"
    elif objective.separability == "no":
        name, reason = f"--objective {name}", "by which one client's loss changes how much the others count"
    if reason is not None:
        allowed = ", ".join(n for n, kind in OBJECTIVES.items() if kind.separability == "updates")
        raise ValueError(
            f"--aggregator {aggregator_name(aggregator)} cannot be combined with {name}, {reason}; choose --aggregator"
            f" mean, or an objective of {allowed} (docs/robustness.md)"
        )


def check_means(experiment: Fields) -> None:
    """Refuse what makes something else of the mean, where the algorithm's server takes it for one.

    Raises:
        ValueError: The message says what.
    """
    if not experiment.algorithm.needs_means:
        return
    found = None
    if experiment.objective.uses != "nothing":
        found = f"--objective {objective_name(experiment.objective)}", "--objective mean"
    elif not experiment.aggregator.sums:
        found = f"--aggregator {aggregator_name(experiment.aggregator)}", "--aggregator mean"
    elif experiment.private:
        found = "differential privacy", "another algorithm, such as reptile"
    if found is not None:
        raise ValueError(
            f"--algorithm {algorithm_name(experiment.algorithm)} cannot be combined with {found[0]}: its server"
            f" computes with means over clients of what they send (docs/algorithms.md); choose {found[1]}"
        )


def check_devices(experiment: Fields) -> None:
    """Refuse settings of devices that would do nothing, or cannot be combined with the others.

    Raises:
        ValueError: The message says which and why.
    """
    algorithm, sampling, devices = experiment.algorithm, experiment.sampling, experiment.devices
    if devices.tiers not in ("none", "default") and not devices.tiers.endswith(OWN_FILE):
        raise ValueError(f"--devices.tiers {devices.tiers}: choose none, default, or a file of devices, FILE.toml")
    if devices.tiers == "none" and devices.deadline is not None:
        raise ValueError(
            f"--devices.deadline {devices.deadline:g} needs --devices.tiers default, or FILE.toml of your own: without"
            " devices nothing takes virtual time"
        )
    if devices.tiers == "none" and sampling.uses == "online":
        raise ValueError(f"--sampling {sampler_name(sampling)} needs --devices.tiers: without them everyone is online")
    if devices.late == "shorten":
        if devices.deadline is None:
            raise ValueError("--devices.late shorten needs --devices.deadline: without one nobody is late")
        if not algorithm.can_be_shortened:
            raise ValueError(
                f"--devices.late shorten: {algorithm_name(algorithm)} has no inner steps to spare"
                f" ({algorithm.training_steps}); choose --devices.late drop"
            )


def check_secure(experiment: Fields) -> None:
    """Refuse what needs more than one sum of numbers of a known size.

    Raises:
        ValueError: The message says what and why.
    """
    if not experiment.secure.aggregation:
        if experiment.secure.threshold != THRESHOLD:
            raise ValueError(
                f"--secure.threshold {experiment.secure.threshold:g} does nothing without --secure.aggregation"
            )
        return
    objective, name = experiment.objective, objective_name(experiment.objective)
    if objective.separability == "no":
        raise ValueError(
            f"--secure.aggregation cannot be combined with --objective {name}: sums by group, or weights by others'"
            " losses; choose mean, weighted or propfair"
        )
    if objective.scaled and not experiment.private:
        raise ValueError(
            f"--secure.aggregation cannot be combined with --objective {name}: its shares need a common scale, which"
            " only who sees them knows; choose mean, weighted or propfair, or cut them by --privacy.clip with"
            " --privacy.noise"
        )


def check_lies(experiment: Fields) -> None:
    """Refuse lies that are made of others' updates where no client determines its update alone.

    Raises:
        ValueError: They are.
    """
    lies = {fault.kind for fault in described(experiment.faults)} & set(OMNISCIENT)
    if lies and (experiment.objective.separability == "no" or experiment.algorithm.weighs == "none"):
        raise ValueError(
            f"--faults: kind {min(lies)!r} needs updates that each client determines alone, which this objective or"
            " algorithm does not have; choose --objective mean"
        )
