"""Which experiments can be differentially private; cheap, no accountant is asked."""

from metafed.experiment.fields import Fields
from metafed.experiment.lookup import algorithm_name, objective_name, sampler_name
from metafed.privacy.settings import Privacy


def check_privacy(experiment: Fields) -> None:
    """Refuse what has no guarantee, or settings without effect.

    Raises:
        ValueError: The message says what and why.
    """
    privacy = experiment.privacy
    if not privacy.on:
        for name, field in Privacy.model_fields.items():
            if getattr(privacy, name) != field.default:
                flag = name.replace("_", "-")
                raise ValueError(
                    f"--privacy.{flag} {getattr(privacy, name)} does nothing without --privacy.noise or"
                    " --privacy.epsilon"
                )
        return
    if privacy.followed is None and privacy.clip_rate != 0.2:
        raise ValueError(f"--privacy.clip-rate {privacy.clip_rate:g} does nothing without --privacy.quantile")
    mechanism = experiment.mechanism
    if privacy.followed is not None and not mechanism.adapts:
        if privacy.quantile is None:
            raise ValueError(
                f"--privacy.model {privacy.model} needs --privacy.clip C, the length that what a client adds is cut to"
            )
        raise ValueError(
            f"--privacy.quantile cannot be combined with --privacy.model {privacy.model}: whether a client was cut"
            " would have to be sent with noise of its own; choose a fixed --privacy.clip"
        )
    algorithm, objective, sampling = experiment.algorithm, experiment.objective, experiment.sampling
    if algorithm.weighs != "alike":
        reason = "weighs clients by their rows" if algorithm.weighs == "rows" else "has clients send nothing"
        raise ValueError(
            f"differential privacy cannot be combined with --algorithm {algorithm_name(algorithm)}, which {reason}:"
            " what a client adds must not depend on others' data; choose another, such as reptile for fedavg"
        )
    if objective.separability == "no" or objective.uses == "weights":
        raise ValueError(
            f"differential privacy cannot be combined with --objective {objective_name(objective)}: it weighs"
            + (
                " clients by their rows"
                if objective.uses == "weights"
                else " clients by what others' losses are, which no noise covers"
            )
            + "; choose mean, propfair, qffl or tilted (docs/privacy.md)"
        )
    if sampling.scheme is None:
        raise ValueError(
            f"differential privacy cannot be combined with --sampling {sampler_name(sampling)}: no accountant has a"
            " bound for who is asked by data, losses or time; choose --sampling poisson (or uniform)"
        )
    without = sampling.scheme == "without replacement" and experiment.cohort_size < experiment.seen_clients
    if without and mechanism.noise_at == "server" and privacy.accountant == "pld":
        raise ValueError(
            "--privacy.accountant pld has no bound for --sampling uniform; choose --sampling poisson or"
            " --privacy.accountant rdp"
        )
