"""What forecasts of assets are worth to who acts on them."""

from typing import NamedTuple

import numpy as np

COST = 0.05
"""Of changing the position by 1, in the unit of y: 0.075 of a day's volatility."""
YEAR = 365
"""Days of trade in a year."""


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
