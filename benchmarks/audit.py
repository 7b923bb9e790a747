"""An audit of the privacy mechanism: guess from what is released whether one client was there, in many tiny runs.

The best guess of whoever sees all releases, when the client always says the same vector of length C and all others say
nothing, is whether the sum of the releases along that vector is above a threshold. From the error rates, with their
exact binomial bounds, follows an ε that the mechanism has at least (Jagielski, Ullman, Oprea 2020, arXiv 2006.07709;
Nasr et al. 2021, arXiv 2101.04535). It must not be above the ε that the accountant claims.
"""

from math import log
from typing import NamedTuple

import numpy as np
from scipy.stats import beta

from metafed.core.parameters import Layout
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.objectives import NOTHING, Contribution
from metafed.privacy.clipping import cut
from metafed.privacy.noisy_sum import NoisySum

CONFIDENCE = 0.999


class Audit(NamedTuple):
    """What was found: ε at least, with 99.9 % confidence, and what is claimed."""

    at_least: float
    claimed: float
    runs: int


def observed(experiment: Experiment, layout: Layout, present: bool, seed: int) -> float:
    """Return what a tiny run releases along the client's vector, summed over its rounds."""
    settings = experiment.model_copy(update={"seed": seed})
    keeper, roster = NoisySum(settings, layout, Federation(settings).holders), Federation(settings).roster
    (part,) = layout.parts
    vector = np.zeros(layout.size(part))
    vector[0] = 1e6  # it is cut to C
    seen = 0.0
    for number in range(1, settings.rounds + 1):
        clip = float(str(keeper.ask()["dp.clip"]))
        there = present and 0 in roster.cohort(number)
        total = cut(Contribution({part: vector}, {part: 1.0}), clip) if there else NOTHING
        seen += float(keeper.release(total, number)[part][0]) * keeper.expected[part] / clip
    return seen


def bound(with_it: np.ndarray, without: np.ndarray, delta: float) -> float:
    """Return the ε that two sets of releases show, by the best of thresholds that the first half chooses."""
    half = len(with_it) // 2
    best, threshold = -np.inf, 0.0
    for each in np.quantile(np.concatenate([with_it[:half], without[:half]]), np.linspace(0.02, 0.98, 49)):
        found = shown(with_it[:half], without[:half], float(each), delta)
        if found > best:
            best, threshold = found, float(each)
    return shown(with_it[half:], without[half:], threshold, delta)


def shown(with_it: np.ndarray, without: np.ndarray, threshold: float, delta: float) -> float:
    """Return the ε that one threshold shows: log((true positives − δ) / false positives), at the rates' worst."""
    right, wrong, n = int((with_it > threshold).sum()), int((without > threshold).sum()), len(with_it)
    tail = (1 - CONFIDENCE) / 2
    at_least = float(beta.ppf(tail, right, n - right + 1)) if right else 0.0
    at_most = float(beta.ppf(1 - tail, wrong + 1, n - wrong)) if wrong < n else 1.0
    return log((at_least - delta) / at_most) if at_least > delta else -np.inf


def audit(experiment: Experiment, runs: int) -> Audit:
    """Audit a private experiment by so many runs with the client and as many without.

    Args:
        experiment: What is audited; all of its clients must hold the trunk.
        runs: Runs of each kind.
    """
    layout = Layout({"trunk.w": (2,)})
    found = {
        present: np.array([observed(experiment, layout, present, 2 * run + present) for run in range(runs)])
        for present in (True, False)
    }
    keeper = NoisySum(experiment, layout, Federation(experiment).holders)
    claimed = keeper.epsilon(experiment.rounds)
    return Audit(bound(found[True], found[False], keeper.delta), claimed, runs)
