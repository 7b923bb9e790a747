"""On the server: noise on the clipped sum, a fixed denominator, an adaptive clip, and what it has cost.

Central differential privacy of clients, DP-FedAvg (McMahan, Ramage, Talwar, Zhang 2018, arXiv 1710.06963): hosts cut
what each client adds to length C, the server adds Gaussian noise of standard deviation z C to every coordinate of every
part and divides by the expected number of clients that hold the part, which depends on no data. A round without a
single client moves θ by noise all the same: that nobody was there is not told.

With a quantile γ, C follows it (Andrew, Thakkar, McMahan, Ramaswamy, NeurIPS 2021, arXiv 1905.03871): clients say
whether they were cut, the noisy share b of those that were not moves C by exp(−η (b − γ)), and z splits between the two
sums as there (theorem 1): z_Δ = (z^−2 − (2 σ_b)^−2)^(−1/2) with σ_b a twentieth of the expected cohort.
"""

import secrets
from collections.abc import Mapping
from math import exp, inf
from typing import Any, NamedTuple, TypedDict, final

import numpy as np

from metafed.core.errors import DataError
from metafed.core.parameters import Layout, Vector
from metafed.core.streams import stream
from metafed.objectives import Contribution, Plain
from metafed.privacy.accounting import Mechanism, epsilon, noise_for, rounds_for
from metafed.privacy.clipping import BELOW, CLIENTS, CLIP
from metafed.privacy.settings import FIRST_CLIP, PrivateExperiment

COUNTED = 20
"""σ_b is the expected cohort over this, as in Andrew et al."""


NEIGHBOURS = {
    "everybody": "one client more or less",
    "poisson": "one client more or less",
    "without replacement": "one client becomes another",
    "local": "one client's data become others",
}
"""What two federations differ in that can hardly be told apart, by how clients are sampled."""


class BudgetSpent(DataError):
    """The rounds would cost more than ``--privacy.epsilon``."""


class Spent(TypedDict):
    """What a checkpoint holds: plain values."""

    rounds: int
    clip: float


class Noise(NamedTuple):
    """Standard deviations of the noise: of the sum in units of C, and of the count (0 where the clip is fixed)."""

    directions: float
    tally: float


@final
class NoisySum:
    """The differential privacy of one run.

    Args:
        experiment: It is private.
        layout: Where θ's parameters lie.
        expected: How many sampled clients hold each part, on average.

    Raises:
        BudgetSpent: The rounds that are asked for cost more than ``--privacy.epsilon``.
        ValueError: No noise is enough, or too much noise for the count of an adaptive clip.
    """

    def __init__(self, experiment: PrivateExperiment, layout: Layout, expected: Mapping[str, float]) -> None:
        self.experiment, self.layout = experiment, layout
        self.mechanism, self.delta = mechanism_of(experiment), delta_of(experiment)
        self.noise = noise_of(experiment)
        self.split = (
            split(self.noise, experiment.cohort_size) if experiment.privacy.quantile else Noise(self.noise, 0.0)
        )
        self.expected = expected
        self.state: Spent = {"rounds": 0, "clip": experiment.privacy.clip or FIRST_CLIP}

    def ask(self) -> dict[str, Plain]:
        """What hosts must know: C.

        Raises:
            BudgetSpent: One more round would cost too much; nothing was asked.
        """
        budget = self.experiment.privacy.epsilon
        if budget is not None and self._epsilon(self.state["rounds"] + 1) > budget:
            raise BudgetSpent(
                f"round {self.state['rounds'] + 1} would make ε {self._epsilon(self.state['rounds'] + 1):.4g}, more"
                f" than --privacy.epsilon {budget:g}"
            )
        return {CLIP: self.state["clip"]}

    def release(self, total: Contribution, server_round: int) -> dict[str, Vector]:
        """Return the noisy direction of every part, and note what it cost."""
        clip = self.state["clip"]
        rng = self._generator(server_round)
        found: dict[str, Vector] = {}
        local = self.experiment.privacy.model == "local"
        for part in self.layout.parts:
            if local:  # it is in the sum already
                found[part] = total.directions.get(part, np.zeros(self.layout.size(part))) / self.expected[part]
                continue
            noise = rng.standard_normal(self.layout.size(part)) * (self.split.directions * clip)
            found[part] = (total.directions.get(part, np.zeros(len(noise))) + noise) / self.expected[part]
        self.state = {"rounds": self.state["rounds"] + 1, "clip": self._next_clip(total, clip, rng)}
        return found

    def notes(self) -> dict[str, Any]:
        """Return what a round's record says: ε of all rounds so far, δ, and the next round's C."""
        cost = self._epsilon(self.state["rounds"])
        return {"epsilon": cost if cost < inf else None, "delta": self.delta, "clip": self.state["clip"]}

    def about(self) -> dict[str, Any]:
        """Return what the manifest says of the guarantee."""
        return {
            "noise": self.noise,
            "delta": self.delta,
            **self.mechanism._asdict(),
            "neighbours": NEIGHBOURS[self.mechanism.scheme],
            "epsilon": self._epsilon(self.experiment.rounds),
            "covers": ("what clients send to be summed, and " if self.mechanism.scheme == "local" else "")
            + "θ after every round; not the clients' rows and losses in this record",
        }

    def _epsilon(self, rounds: int) -> float:
        return epsilon(self.mechanism, self.noise, self.delta, rounds)

    def _next_clip(self, total: Contribution, clip: float, rng: np.random.Generator) -> float:
        quantile, expected = self.experiment.privacy.quantile, self.experiment.cohort_size
        if quantile is None:
            return clip
        # Σ (b_k − ½) has sensitivity ½, whoever is there: each counted client adds −½ or ½
        centred = (
            total.sums.get(BELOW, 0.0) - total.sums.get(CLIENTS, 0.0) / 2 + rng.standard_normal() * self.split.tally
        )
        share = centred / expected + 0.5
        return float(clip * exp(-self.experiment.privacy.clip_rate * (share - quantile)))

    def _generator(self, server_round: int) -> np.random.Generator:
        if self.experiment.privacy.random == "seed":
            return stream(self.experiment.seed, "dp/noise", server_round)
        return np.random.Generator(np.random.PCG64(secrets.randbits(256)))


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
