"""A market that changes its mood: the truth behind the assets generator.

Every asset is in one of ``REGIMES`` hidden regimes, which a Markov chain changes from day to day (Hamilton,
Econometrica 57(2), 1989). In regime k the log return of day t + 1 is

    r[t+1] = drift_k + echo_k · r[t] − pull_k · gap[t] + volatility_k · ε,   ε ~ N(0, 1),

where gap[t] is how far the log price lies above its own exponential mean: ``echo`` is momentum (or, below 0,
rebound) and ``pull`` is mean reversion. The logarithm of the day's range (highest over lowest price, in logarithms)
is normal around log volatility_k + 0.43 with deviation 0.29, as it is for a diffusion (Alizadeh, Brandt, Diebold,
Journal of Finance 57(3), 2002). Returns and ranges are seen and regimes are not, so that Hamilton's filter, which
knows an asset's own numbers and its whole past, gives the exact distribution of tomorrow.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metafed.data.sets.crypto_prices.prices import DIFFUSION, MEMORY, Days, gap

REGIMES = 3
"""Calm, boom, slump."""
DRIFT = (0.0, 0.35, -0.45)
"""Of each regime, in units of the asset's own level of volatility."""
VOLATILITY = (0.5, 0.9, 1.8)
"""The same."""
ECHO = (1.0, 1.0, 0.8)
"""How much of an asset's echo is felt in each regime."""
PULL = (1.0, 0.2, 0.6)
"""How much of an asset's pull is."""
ECHOES = (0.5, 0.85)
"""Lowest and highest echo of an asset; half of the assets rebound, so that theirs is negative."""
PULLS = (0.0, 0.25)
"""The same of its pull, a share of the gap a day."""
STAY = (8.0, 60.0)
"""Mean days in one regime: fewest and most."""
OWN = 0.2
"""Standard deviation of an asset's own deviations, in logarithms, from the regimes' volatilities."""
NOISE = 0.29
"""Standard deviation of a day's log range, given its volatility."""


class Tomorrow(NamedTuple):
    """Distribution of the next day at the end of each day, a mixture over regimes; fields ``(T, REGIMES)``.

    Attributes:
        chance: Of each regime tomorrow, given all days so far.
        mean: Of tomorrow's return in that regime.
        deviation: Its standard deviation in that regime.
    """

    chance: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance ``(T, 2)`` of tomorrow's return and log range, given all days so far."""
        means = np.stack([self.mean, np.log(self.deviation) + DIFFUSION], 2)
        variances = np.stack([self.deviation**2, np.full_like(self.deviation, NOISE**2)], 2)
        chance = self.chance[:, :, None]
        mean = (chance * means).sum(1)
        return mean, (chance * (variances + means**2)).sum(1) - mean**2


@dataclass(frozen=True)
class Asset:
    """One asset's truth.

    Attributes:
        drift: Of each regime ``(REGIMES,)``; these are of log returns a day.
        volatility: Of each regime ``(REGIMES,)``.
        echo: Of each regime ``(REGIMES,)``.
        pull: Of each regime ``(REGIMES,)``.
        stay: Mean days in one regime.
    """

    drift: np.ndarray
    volatility: np.ndarray
    echo: np.ndarray
    pull: np.ndarray
    stay: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Asset":
        """Draw an asset."""
        level = 0.03 * np.exp(0.5 * rng.standard_normal())
        return cls(
            drift=level * np.array(DRIFT),
            volatility=level * np.array(VOLATILITY) * np.exp(OWN * rng.standard_normal(REGIMES)),
            echo=rng.choice((-1, 1)) * rng.uniform(*ECHOES) * np.array(ECHO),
            pull=rng.uniform(*PULLS) * np.array(PULL),
            stay=float(np.exp(rng.uniform(*np.log(STAY)))),
        )

    @property
    def change(self) -> np.ndarray:
        """Chance of each regime tomorrow given today's ``(REGIMES, REGIMES)``; rows sum to 1."""
        leave = np.full((REGIMES, REGIMES), 1 / (self.stay * (REGIMES - 1)))
        np.fill_diagonal(leave, 1 - 1 / self.stay)
        return leave

    def live(self, days: int, rng: np.random.Generator) -> Days:
        """Draw the asset's first ``days`` days; the first regime is any, all equally likely."""
        noise, spread, turns = rng.standard_normal(days).tolist(), rng.standard_normal(days), rng.random(days)
        upto, regimes = self.change.cumsum(1), np.empty(days, np.int64)
        regime = int(turns[0] * REGIMES)
        for day in range(days):
            regimes[day] = regime
            regime = min(int(np.searchsorted(upto[regime], turns[day])), REGIMES - 1)
        drift, volatility, echo, pull = (
            field[regimes].tolist() for field in (self.drift, self.volatility, self.echo, self.pull)
        )
        returns, before, above = [], 0.0, 0.0
        for day in range(days):
            before = drift[day] + echo[day] * before - pull[day] * above + volatility[day] * noise[day]
            above = (1 - 1 / MEMORY) * (above + before)
            returns.append(before)
        return Days(np.array(returns), np.log(self.volatility[regimes]) + DIFFUSION + NOISE * spread)

    def foresee(self, days: Days) -> Tomorrow:
        """Return the exact distribution of the next day at the end of each day: Hamilton's filter."""
        mean = self.drift + np.outer(days.returns, self.echo) - np.outer(gap(days.returns), self.pull)
        expected = np.concatenate([self.drift[None], mean[:-1]])
        z = (days.returns[:, None] - expected) / self.volatility
        w = (days.span[:, None] - np.log(self.volatility) - DIFFUSION) / NOISE
        fit = -(z**2 + w**2) / 2 - np.log(self.volatility)
        likelihood = np.exp(fit - fit.max(1, keepdims=True))
        chance, chances = np.full(REGIMES, 1 / REGIMES), np.empty_like(mean)
        for day, seen in enumerate(likelihood):
            chance = (chance * seen) @ self.change
            chances[day] = chance = chance / chance.sum()
        return Tomorrow(chances, mean, np.broadcast_to(self.volatility, mean.shape))
