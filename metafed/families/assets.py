"""Virtual assets: what will one's own asset do tomorrow? Its recent days → tomorrow's return and range.

The generator is a market of hidden regimes (``metafed.families.markets``); an asset has its own volatility,
momentum or rebound, mean reversion and pace of regimes. The filter that knows these numbers and the asset's whole
past gives the best possible expected squared error, day by day. A model sees a few numbers of the recent past: by what
they leave out, the best possible skill is 0.03 to 0.05 out of its reach.

Time has an order here: evaluation draws are the later half of an asset's days, and an episode adapts on a stretch of
days to be evaluated on the days that follow.
"""

from typing import final

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


ASSETS = Family(
    name="assets",
    kind="regression",
    shots=Shots(support=60, query=60, evaluation=150, per_class=False),
    sources={GENERATED: Generated, "crypto_prices": CryptoPrices},
)
