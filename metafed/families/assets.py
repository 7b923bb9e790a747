"""Virtual assets: what will one's own asset do tomorrow? Its recent days → tomorrow's return and range.

The generator is a market of hidden regimes (``metafed.families.markets``); an asset has its own volatility,
momentum or rebound, mean reversion and pace of regimes. The filter that knows these numbers and the asset's whole
past gives the best possible expected squared error, day by day. A model sees a few numbers of the recent past: by what
they leave out, the best possible skill is 0.03 to 0.05 out of its reach.

Time has an order here: evaluation draws are the later half of an asset's days, and an episode adapts on a stretch of
days to be evaluated on the days that follow.
"""

from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.sets.crypto_prices.prices import FEATURES, OUTPUTS, WARM, Days, features, row_days, standard, targets
from metafed.data.sets.crypto_prices.reader import CryptoPrices
from metafed.data.source import GENERATED
from metafed.families.generated import Generator
from metafed.families.markets import Asset

DAYS = (120, 1500)
"""Rows of one asset, fewest and most."""
RESTLESS = 20.0
"""Mean days in a regime below which an asset is restless."""
COST = 0.05
"""Of changing the position by 1, in the unit of y: 0.075 of a day's volatility."""
YEAR = 365
"""Days of trade in a year."""


@final
class Generated(Generator):
    """Any number of generated assets, each made when asked for."""

    features = FEATURES
    outputs = OUTPUTS

    def asset(self, client: int) -> Asset:
        """Return the truth about client ``client``."""
        return Asset.random(stream(self._seed, "assets/asset", client))

    def days(self, client: int) -> Days:
        """Return what is seen of client ``client``'s asset, from its first day on."""
        rng = stream(self._seed, "assets/client", client)
        rows = int(np.clip(rng.lognormal(np.log(400), 0.7), *DAYS))
        return self.asset(client).live(WARM + rows + 1, rng)

    def examples(self, client: int) -> Examples:
        """Return the days of one asset; the group is ``restless`` or ``steady``, by the pace of its regimes."""
        asset, days = self.asset(client), self.days(client)
        _, variance = asset.foresee(days).moments()
        rows = row_days(len(days.span))
        return Examples(
            x=features(days).astype(np.float32),
            y=targets(days).astype(np.float32),
            group="restless" if asset.stay < RESTLESS else "steady",
            oracle_score=(variance[rows] / standard(days).unit ** 2).mean(1),
            time=rows,
        )


class Acting(NamedTuple):
    """What forecasts were worth to somebody who acted on them, as Sharpe ratios: a year's profit per unit of risk.

    Attributes:
        rule: Of long, flat or short, by the forecast.
        hold: Of holding the asset all the time.
    """

    rule: float
    hold: float


def acting(forecast: np.ndarray, realised: np.ndarray, cost: float = COST) -> Acting:
    """Act on forecasts, and compare with buying and holding.

    The rule is long (+1) where the forecast exceeds ``cost``, short (−1) where it is below −``cost``, else flat. A
    position of 1 is the less of the asset the more it moves today, so that profits count in y's own unit of risk.

    Args:
        forecast: Tomorrow's return as foreseen at the end of each day, a model's first output ``(n,)``; days are
            successive.
        realised: Tomorrow's return as it came, the first target ``(n,)``.
        cost: Paid for every unit by which the position changes; both begin without a position.
    """
    position = np.where(np.abs(forecast) > cost, np.sign(forecast), 0.0)
    return Acting(*(sharpe(profits(each, realised, cost)) for each in (position, np.ones_like(position))))


def profits(position: np.ndarray, realised: np.ndarray, cost: float) -> np.ndarray:
    """Return each day's profit ``(n,)`` of positions ``(n,)`` that are taken before the day."""
    return np.asarray(position * realised - cost * np.abs(np.diff(position, prepend=0.0)))


def sharpe(profit: np.ndarray) -> float:
    """Return mean over standard deviation of daily profits ``(n,)``, for a year (Sharpe 1994); 0 without any risk."""
    risk = float(profit.std(ddof=1)) if len(profit) > 1 else 0.0
    return float(profit.mean()) / risk * float(np.sqrt(YEAR)) if risk > 0 else 0.0


ASSETS = Family(
    name="assets",
    kind="regression",
    shots=Shots(support=60, query=60, evaluation=150, per_class=False),
    sources={GENERATED: Generated, "crypto_prices": CryptoPrices},
)
