"""On the server: noise on the clipped sum, a fixed denominator, an adaptive clip, and what it has cost.

The server divides the noisy sum of every part by the expected number of clients that hold the part, which depends on no
data. A round without a single client moves θ by noise all the same: nobody learns that no client was there.

With a quantile γ, C follows it (Andrew, Thakkar, McMahan, Ramaswamy, NeurIPS 2021, arXiv 1905.03871): clients say
whether they were cut, the noisy share b of those that were not moves C by exp(−η (b − γ)), and z splits between the two
sums as there (theorem 1): z_Δ = (z^−2 − (2 σ_b)^−2)^(−1/2) with σ_b a twentieth of the expected cohort.
"""

from collections.abc import Mapping
from math import exp, isfinite
from typing import Any, TypedDict, final

import numpy as np

from metafed.core.parameters import Layout, Vector
from metafed.objectives import Contribution, Plain
from metafed.privacy.budget import BudgetSpent, Noise, cost, delta_of, noise_of, split
from metafed.privacy.clipping import BELOW, CLIENTS, CLIP
from metafed.privacy.settings import FIRST_CLIP, PrivateExperiment
from metafed.privacy.shares import generator


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
        self.noise, self.delta = noise_of(experiment), delta_of(experiment)
        self.split = (
            split(self.noise, experiment.cohort_size) if experiment.privacy.followed else Noise(self.noise, 0.0)
        )
        self.expected = expected
        self.state: Spent = {"rounds": 0, "clip": experiment.privacy.clip or FIRST_CLIP}

    def ask(self) -> dict[str, Plain]:
        """What hosts must know: C.

        Raises:
            BudgetSpent: One more round would cost too much; nothing was asked.
        """
        budget, after = self.experiment.privacy.epsilon, self.state["rounds"] + 1
        if budget is not None and self.epsilon(after) > budget:
            raise BudgetSpent(
                f"round {after} would make ε {self.epsilon(after):.4g}, more than --privacy.epsilon {budget:g}"
            )
        return {CLIP: self.state["clip"]}

    def release(self, total: Contribution, server_round: int) -> dict[str, Vector]:
        """Return the noisy direction of every part, and note what it cost."""
        clip, mechanism = self.state["clip"], self.experiment.mechanism
        rng = generator(self.experiment, "dp/noise", server_round)
        found: dict[str, Vector] = {}
        for part in self.layout.parts:
            whole = total.directions.get(part, np.zeros(self.layout.size(part)))
            if mechanism.noise_at == "server":  # else it is in the sum already
                whole = mechanism.noisy(whole, self.split.directions * clip, rng)
            found[part] = whole / self.expected[part]
        self.state = {"rounds": self.state["rounds"] + 1, "clip": self._next_clip(total, clip, rng)}
        return found

    def notes(self) -> dict[str, Any]:
        """Return what a round's record says: ε of all rounds so far, δ, and the next round's C."""
        spent = self.epsilon(self.state["rounds"])
        return {"epsilon": spent if isfinite(spent) else None, "delta": self.delta, "clip": self.state["clip"]}

    def epsilon(self, rounds: int) -> float:
        """Return the ε of so many rounds; infinity where the accountant has no bound."""
        return cost(self.experiment, self.noise, rounds)

    def _next_clip(self, total: Contribution, clip: float, rng: np.random.Generator) -> float:
        quantile, expected = self.experiment.privacy.followed, self.experiment.cohort_size
        if quantile is None:
            return clip
        # Σ (b_k − ½) has sensitivity ½, whoever is there: each counted client adds −½ or ½
        centred = (
            total.sums.get(BELOW, 0.0) - total.sums.get(CLIENTS, 0.0) / 2 + rng.standard_normal() * self.split.tally
        )
        share = centred / expected + 0.5
        return float(clip * exp(-self.experiment.privacy.clip_rate * (share - quantile)))
