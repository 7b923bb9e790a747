"""Which experiments can be differentially private, and what they may spend."""

from typing import TYPE_CHECKING

from metafed.experiment.lookup import aggregator_name, algorithm_name, objective_name, sampler_name
from metafed.sampling import Poisson, Uniform

if TYPE_CHECKING:
    from metafed.experiment.settings import Experiment


def check_privacy(experiment: "Experiment") -> None:
    """Refuse what has no guarantee, or settings without effect; cheap, no accountant is asked.

    Raises:
        ValueError: The message says what and why.
    """
    own = ("dp_clip", "dp_delta", "dp_quantile", "dp_clip_rate", "dp_accountant", "dp_random", "dp_model")
    if not experiment.private:
        for name in own:
            if getattr(experiment, name) != type(experiment).model_fields[name].default:
                flag = name.replace("_", "-")
                raise ValueError(
                    f"--{flag} {getattr(experiment, name)} does nothing without --dp-noise or --dp-epsilon"
                )
        return
    if experiment.dp_clip is None and experiment.dp_quantile is None:
        raise ValueError(
            "differential privacy needs --dp-clip C, the length that a client's share is cut to, or --dp-quantile 0.5"
            " to find one"
        )
    if experiment.dp_quantile is None and experiment.dp_clip_rate != 0.2:
        raise ValueError(f"--dp-clip-rate {experiment.dp_clip_rate:g} does nothing without --dp-quantile")
    if experiment.dp_model == "local" and experiment.dp_quantile is not None:
        raise ValueError(
            "--dp-quantile cannot be had with --dp-model local: whether a client was cut would have to be told with"
            " noise of its own; choose a fixed --dp-clip"
        )
    algorithm, objective, sampling = experiment.algorithm, experiment.objective, experiment.sampling
    if algorithm.weighs != "alike":
        reason = "weighs clients by their rows" if algorithm.weighs == "rows" else "has clients send nothing"
        raise ValueError(
            f"differential privacy cannot be had with --algorithm {algorithm_name(algorithm)}, which {reason}: what a"
            " client adds must not depend on others' data; choose another, such as reptile for fedavg"
        )
    if objective.apart == "no" or objective.uses == "weights":
        raise ValueError(
            f"differential privacy cannot be had with --objective {objective_name(objective)}: it weighs clients by"
            + (" their rows" if objective.uses == "weights" else " what others' losses are, which no noise covers")
            + "; choose mean, propfair, qffl or tilted (docs/privacy.md)"
        )
    if not experiment.aggregator.sums:
        raise ValueError(
            f"differential privacy cannot be had with --aggregator {aggregator_name(experiment.aggregator)}: how far"
            " one client moves it is not bounded as that of a clipped sum is; choose --aggregator mean"
        )
    if not isinstance(sampling, Poisson | Uniform):
        raise ValueError(
            f"differential privacy cannot be had with --sampling {sampler_name(sampling)}: no accountant has a bound"
            " for who is asked by data, losses or time; choose --sampling poisson (or uniform)"
        )
    without = isinstance(sampling, Uniform) and experiment.cohort_size < experiment.seen_clients
    if without and experiment.dp_model == "central" and experiment.dp_accountant == "pld":
        raise ValueError(
            "--dp-accountant pld has no bound for --sampling uniform; choose --sampling poisson or --dp-accountant rdp"
        )
