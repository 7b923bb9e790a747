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
from typing import Any, TypedDict, final

import numpy as np

from metafed.core.parameters import Layout, Vector
from metafed.core.streams import stream
from metafed.objectives import Contribution, Plain
from metafed.privacy.accounting import epsilon
from metafed.privacy.budget import BudgetSpent, Noise, delta_of, mechanism_of, noise_of, split
from metafed.privacy.clipping import BELOW, CLIENTS, CLIP
from metafed.privacy.settings import FIRST_CLIP, PrivateExperiment

NEIGHBOURS = {
    "everybody": "one client more or less",
    "poisson": "one client more or less",
    "without replacement": "one client becomes another",
    "local": "one client's data become others",
}
"""What two federations differ in that can hardly be told apart, by how clients are sampled."""


class Spent(TypedDict):
    """What a checkpoint holds: plain values."""

    rounds: int
    clip: float


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
