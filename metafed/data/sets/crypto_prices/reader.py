"""Daily prices of crypto assets, 2013 to 2021: a client is an asset.

The widely copied Kaggle tables "Cryptocurrency Historical Prices", out of CoinMarketCap; no licence is stated. Days
before ``CUT`` are for meta-training and the others for evaluation, for all assets alike: markets move together, so
that one asset's later days would tell of another's earlier ones.
"""

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import Examples
from metafed.core.streams import stream
from metafed.data.files.shared import by_file
from metafed.data.sets.base import Dataset, require, table_of
from metafed.data.sets.crypto_prices.prices import FEATURES, OUTPUTS, Days, features, row_days, targets

CUT = date(2021, 1, 1)
FEWEST = 40
"""Rows before and after the cut that an asset must have."""
FLAT = 1e-3
"""Smallest log(highest / lowest price) of a day: a peg has days without any."""
CLASSES = ((0.03, "pegged"), (0.072, "calmer"), (np.inf, "wilder"))
"""Groups, by the standard deviation of daily log returns below which an asset is in them."""


class Coin(NamedTuple):
    """One asset: its symbol, and its days in order; the first day's return counts from its opening price."""

    symbol: str
    days: Days
    date: np.ndarray
    broken: int


@final
class CryptoPrices(Dataset):
    """Assets and their days."""

    features = FEATURES
    outputs = OUTPUTS
    file = Path("crypto_prices/crypto_daily.parquet")
    licence = "none stated: for tests only, not to be redistributed"

    @property
    def clients(self) -> int:
        """How many assets have days enough."""
        return len(self._coins[0])

    @property
    def notes(self) -> tuple[str, ...]:
        """What is evaluated, assets skipped, and what to know of the rows."""
        kept, skipped = self._coins
        names = ", ".join(coin.symbol for coin in skipped)
        few = f"{len(skipped)} assets with fewer than {FEWEST} rows before or after {CUT}: skipped ({names})"
        broken = sum(coin.broken for coin in kept)
        gaps = f"{broken} days follow a missing day: their return is that of all days since"
        flat = sum(int((coin.days.span <= np.log(FLAT)).sum()) for coin in kept)
        return (
            f"days before {CUT} are for meta-training and later days for evaluation, for all assets alike",
            "assets move together: clients are not independent, and intervals over them are too narrow",
            *((few,) if skipped else ()),
            *((gaps,) if broken else ()),
            *((f"{flat} days with a range below {FLAT:.1%} count as {FLAT:.1%}",) if flat else ()),
            f"licence: {self.licence}",
        )

    @cached_property
    def _coins(self) -> tuple[list[Coin], list[Coin]]:
        """Clients in their order, and assets with too few days."""
        found = self._read()
        rows = [coin.date[row_days(len(coin.date))] for coin in found]
        enough = np.array([min((days < CUT).sum(), (days >= CUT).sum()) >= FEWEST for days in rows])
        require(self.path, bool(enough.any()), f"no asset has {FEWEST} rows before and after {CUT}")
        order = stream(self.origin.seed, "crypto_prices/order").permutation(np.flatnonzero(enough))
        return [found[i] for i in order], [found[i] for i in np.flatnonzero(~enough)]

    @by_file
    def _read(self) -> list[Coin]:
        import polars as pl

        path, prices = self.path, ["open", "high", "low", "close"]
        table = table_of(path, ("asset", "date", *prices))
        require(path, table.schema["date"] == pl.Date, f"column date is {table.schema['date']}, not a date")
        numbers = all(table.schema[name].is_numeric() for name in prices)
        require(path, numbers, f"columns {prices} are not all numbers")
        table = table.select(pl.col("asset").cast(pl.String), "date", pl.col(prices).cast(pl.Float64))
        require(path, table.height > 0 and table.null_count().sum_horizontal().item() == 0, "rows without a value")
        coins = []
        for (symbol,), own in table.group_by("asset", maintain_order=True):
            days = own["date"].to_numpy().astype("datetime64[D]")
            opened, high, low, close = own.select(prices).to_numpy().T
            steps = np.diff(days).astype(int)
            require(path, bool((steps > 0).all()), f"the days of {symbol} are not in order, each once")
            sound = bool(np.isfinite(own.select(prices).to_numpy()).all() and (low > 0).all() and (high >= low).all())
            require(path, sound, f"a price of {symbol} is not above 0, or a highest price is below the lowest")
            require(path, bool((opened > 0).all() and (close > 0).all()), f"a price of {symbol} is not above 0")
            returns = np.diff(np.log(close), prepend=np.log(opened[0]))
            span = np.log(np.maximum(np.log(high / low), FLAT))
            coins.append(Coin(str(symbol), Days(returns, span), days, int((steps > 1).sum())))
        return coins

    def examples(self, client: int) -> Examples:
        """Return one asset's days; the group is its class of volatility."""
        coin = self._coins[0][client]
        rows = row_days(len(coin.date))
        volatility = coin.days.returns.std()
        return Examples(
            x=features(coin.days).astype(np.float32),
            y=targets(coin.days).astype(np.float32),
            group=next(name for most, name in CLASSES if volatility < most),
            oracle_score=np.full(len(rows), np.nan),
            evaluation=coin.date[rows] >= np.datetime64(CUT),
            time=rows,
        )
