"""How much noise an experiment has, and whether its rounds cost too much: asked by hosts and by the server."""

from typing import NamedTuple

from metafed.core.errors import DataError
from metafed.privacy.accounting import Mechanism, epsilon, noise_for, rounds_for
from metafed.privacy.settings import PrivateExperiment

COUNTED = 20
"""σ_b is the expected cohort over this, as in Andrew et al."""


class BudgetSpent(DataError):
    """The rounds would cost more than ``--privacy.epsilon``."""


class Noise(NamedTuple):
    """Standard deviations of the noise: of the sum in units of C, and of the count (0 where the clip is fixed)."""

    directions: float
    tally: float


def mechanism_of(experiment: PrivateExperiment) -> Mechanism:
    """Return how a round samples and is accounted for."""
    size, seen = experiment.cohort_size, experiment.seen_clients
    if experiment.privacy.model == "local":
        return Mechanism("local", size, seen, experiment.privacy.accountant)
    if size == seen:
        return Mechanism("everybody", size, seen, experiment.privacy.accountant)
    assert experiment.sampling.scheme is not None, "the experiment has refused other samplings"
    return Mechanism(experiment.sampling.scheme, size, seen, experiment.privacy.accountant)


def delta_of(experiment: PrivateExperiment) -> float:
    """Return δ: as asked for, else 1 / n^1.1 for n seen clients."""
    return experiment.privacy.delta or min(experiment.seen_clients**-1.1, 0.5)


def noise_of(experiment: PrivateExperiment) -> float:
    """Return the noise multiplier z: as asked for, else the least for ``--privacy.epsilon``.

    Raises:
        BudgetSpent: The rounds cost more than ``--privacy.epsilon``.
        ValueError: No noise is enough.
    """
    mechanism, delta = mechanism_of(experiment), delta_of(experiment)
    noise, target, rounds = experiment.privacy.noise, experiment.privacy.epsilon, experiment.rounds
    if noise is not None and target is None:
        return noise
    if noise is None:
        assert target is not None, "a private experiment has noise or a target"
        return noise_for(mechanism, target, delta, rounds)
    if target is not None and (cost := epsilon(mechanism, noise, delta, rounds)) > target:
        most = rounds_for(mechanism, noise, delta, target, rounds)
        raise BudgetSpent(
            f"--rounds {rounds} with --privacy.noise {noise:g} cost ε {cost:.4g} at δ {delta:.3g}, more than"
            f" --privacy.epsilon {target:g}; choose at most --rounds {most}, or leave --privacy.noise out to have it"
            " computed"
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
            f"--privacy.quantile with a cohort of {cohort}: a noise multiplier of {noise:g} leaves nothing for the"
            f" count, whose noise is {count:g}; choose a --cohort above {COUNTED / 2 * noise:.0f}, or a fixed"
            " --privacy.clip"
        )
    return Noise(left**-0.5, count)


def check_budget(experiment: PrivateExperiment) -> None:
    """Refuse a private experiment whose rounds cost too much, before anything runs.

    Raises:
        DataError: They do, or the noise leaves nothing for the count of an adaptive clip.
    """
    if experiment.privacy.on:
        noise = noise_of(experiment)
        if experiment.privacy.quantile:
            split(noise, experiment.cohort_size)
