"""What the rounds of an experiment cost, and what they may cost: z, δ and ε of its mechanism, and the count's share."""

from math import isfinite
from typing import Any, NamedTuple

from metafed.core.errors import DataError
from metafed.privacy.accounting import Sampling, noise_for, rounds_for
from metafed.privacy.settings import FIRST_CLIP, PrivateExperiment

COUNTED = 20
"""σ_b is the expected cohort over this, as in Andrew et al."""


class BudgetSpent(DataError):
    """The rounds would cost more than ``--privacy.epsilon``."""


class Noise(NamedTuple):
    """Scales of the noise: of the sum in units of C, and of the count (0 where the clip is fixed)."""

    directions: float
    tally: float


def sampling_of(experiment: PrivateExperiment) -> Sampling:
    """Return how a round samples and is accounted for."""
    size, seen, accountant = experiment.cohort_size, experiment.seen_clients, experiment.privacy.accountant
    if experiment.mechanism.noise_at == "client":
        return Sampling("local", size, seen, accountant)
    if size == seen:
        return Sampling("everybody", size, seen, accountant)
    assert experiment.sampling.scheme is not None, "the experiment has refused other samplings"
    return Sampling(experiment.sampling.scheme, size, seen, accountant)


def delta_of(experiment: PrivateExperiment) -> float:
    """Return δ: as asked for, else 1 / n^1.1 for n seen clients."""
    return experiment.privacy.delta or min(experiment.seen_clients**-1.1, 0.5)


def cost(experiment: PrivateExperiment, noise: float, rounds: int) -> float:
    """Return the ε of so many rounds with the noise multiplier ``noise``; infinity where there is no bound.

    Raises:
        DataError: The accountant does not know the mechanism under this sampling.
    """
    return experiment.mechanism.epsilon(sampling_of(experiment), noise, delta_of(experiment), rounds)


def noise_of(experiment: PrivateExperiment) -> float:
    """Return the noise multiplier z: as asked for, else the least for ``--privacy.epsilon``.

    Raises:
        BudgetSpent: The rounds cost more than ``--privacy.epsilon``.
        ValueError: No noise is enough.
    """
    noise, target, rounds = experiment.privacy.noise, experiment.privacy.epsilon, experiment.rounds
    if target is None:
        assert noise is not None, "a private experiment has noise or a target"
        return noise
    epsilon, sampling, delta = experiment.mechanism.epsilon, sampling_of(experiment), delta_of(experiment)
    if noise is None:
        return noise_for(lambda least: epsilon(sampling, least, delta, rounds), target)
    if (spent := epsilon(sampling, noise, delta, rounds)) > target:
        most = rounds_for(lambda fewer: epsilon(sampling, noise, delta, fewer), target, rounds)
        raise BudgetSpent(
            f"--rounds {rounds} with --privacy.noise {noise:g} cost ε {spent:.4g} at δ {delta:.3g}, more than"
            f" --privacy.epsilon {target:g}; choose at most --rounds {most}, or leave --privacy.noise out to have"
            " it computed"
        )
    return noise


def split(noise: float, cohort: int) -> Noise:
    """Split the noise multiplier between the directions' sum and the count.

    Raises:
        ValueError: The count alone would need more noise than it has.
    """
    count = cohort / COUNTED
    left = noise**-2 - (2 * count) ** -2
    if left <= 0:
        raise DataError(
            f"a clip that adapts (--privacy.quantile) and a cohort of {cohort}: a noise multiplier of {noise:g} leaves"
            f" nothing for the count, whose noise is {count:g}; choose a --cohort above {COUNTED / 2 * noise:.0f}, or"
            f" a fixed --privacy.clip, such as {FIRST_CLIP:g}"
        )
    return Noise(left**-0.5, count)


def check_budget(experiment: PrivateExperiment) -> None:
    """Refuse a private experiment whose rounds cost too much, before anything runs.

    Raises:
        DataError: They do, their cost is not known, or the noise leaves nothing for the count of an adaptive clip.
    """
    if experiment.privacy.on:
        noise = noise_of(experiment)
        cost(experiment, noise, min(1, experiment.rounds))  # the accountant must know the mechanism
        if experiment.privacy.followed:
            split(noise, experiment.cohort_size)


def simulated(experiment: PrivateExperiment) -> str | None:
    """Return why a private run protects nobody; None if it does."""
    if not experiment.privacy.on or experiment.privacy.random == "system":
        return None
    return (
        "this run simulates differential privacy: its noise follows from the seed, and whoever knows the seed can"
        " subtract it; --privacy.random system protects"
    )


def guarantee(experiment: PrivateExperiment) -> dict[str, Any]:
    """Return what the manifest says of a private experiment's guarantee; ε None where there is no bound."""
    sampling, noise = sampling_of(experiment), noise_of(experiment)
    whole = cost(experiment, noise, experiment.rounds)
    return {
        "model": experiment.privacy.model,
        "noise": noise,
        "noise_at": experiment.mechanism.noise_at,
        "random": experiment.privacy.random or "seed",
        "simulated": simulated(experiment),
        "delta": delta_of(experiment),
        **sampling._asdict(),
        "neighbours": sampling.neighbours,
        "epsilon": whole if isfinite(whole) else None,
        "covers": ("what clients send to be summed, and " if sampling.scheme == "local" else "")
        + "θ after every round; not the clients' rows and losses in this record",
    }
