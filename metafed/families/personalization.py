"""Personalization: does this person like this item? Two classes, 0 = no and 1 = yes.

The generator is a latent-factor world. An item has ``FACTORS`` hidden factors and shows ``FEATURES``
features, a fixed mixing of them. A person's taste is that of one of ``TASTES`` camps plus a deviation
of their own; besides, some people like nearly everything and some very little. A like is a
Bernoulli draw with chance σ(taste · factors + bias), so the best possible accuracy is known row by row.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.sets.movielens100k.reader import MovieLens100K
from metafed.data.source import GENERATED
from metafed.families.generated import Generator

ITEMS = 2000
FACTORS = 5
FEATURES = 16
TASTES = 4
SHARPNESS = 5.5
"""Standard deviation of a person's log-odds over the catalogue."""
DEVIATION = 0.35
"""Length of a person's own deviation, where a camp's taste has length 1."""
BIAS = 1.2
"""Standard deviation of a person's own log-odds of liking anything."""
RATINGS = (24, 700)
NEWCOMER = 100
"""Fewer ratings than this make a newcomer."""


@dataclass(frozen=True)
class Catalogue:
    """What all clients of one seed share.

    Attributes:
        factors: The items' hidden factors ``(ITEMS, FACTORS)``.
        features: What a model is shown of the items ``(ITEMS, FEATURES)``.
        camps: Directions of taste ``(TASTES, FACTORS)``, of length 1.
    """

    factors: np.ndarray
    features: np.ndarray
    camps: np.ndarray


@dataclass(frozen=True)
class Person:
    """One client's truth: ``taste (FACTORS,)``, ``bias``, and the items rated, as numbers ``(n,)``."""

    taste: np.ndarray
    bias: float
    items: np.ndarray

    def chance(self, factors: np.ndarray) -> np.ndarray:
        """Return the chance that the person likes items with ``factors (n, FACTORS)``, ``(n,)``."""
        return np.asarray(1 / (1 + np.exp(-(factors @ self.taste + self.bias))))


@final
class Generated(Generator):
    """Any number of generated people, each made when asked for."""

    features = FEATURES
    outputs = 2

    @cached_property
    def catalogue(self) -> Catalogue:
        """The world's items and camps of taste."""
        rng = stream(self._seed, "personalization/world")
        factors = rng.standard_normal((ITEMS, FACTORS))
        # rows of an orthogonal matrix: the mixing can be undone, so the features tell the factors
        mixing = np.linalg.qr(rng.standard_normal((FEATURES, FEATURES)))[0][:FACTORS]
        # corners of a regular simplex: the camps disagree with one another, and their mean says nothing
        corners = np.eye(TASTES) - 1 / TASTES
        corners /= np.linalg.norm(corners[0])
        camps = corners @ np.linalg.qr(rng.standard_normal((FACTORS, FACTORS)))[0][:TASTES]
        return Catalogue(factors, factors @ mixing * np.sqrt(FEATURES / FACTORS), camps)

    def person(self, client: int) -> Person:
        """Return the truth about client ``client``."""
        rng = stream(self._seed, "personalization/person", client)
        # every run of TASTES clients has one of each camp, so that small populations have them all
        turn = stream(self._seed, "personalization/camps", client // TASTES).permutation(TASTES)
        camp = self.catalogue.camps[turn[client % TASTES]]
        own = rng.standard_normal(FACTORS) * DEVIATION / np.sqrt(FACTORS)
        count = int(np.clip(rng.lognormal(np.log(200), 0.7), *RATINGS))
        return Person(SHARPNESS * (camp + own), BIAS * rng.standard_normal(), rng.choice(ITEMS, count, False))

    def examples(self, client: int) -> Examples:
        """Return the ratings of one person; the group is ``newcomer`` or ``regular``, by their number."""
        person = self.person(client)
        chance = person.chance(self.catalogue.factors[person.items])
        likes = stream(self._seed, "personalization/client", client).random(len(chance)) < chance
        return Examples(
            x=self.catalogue.features[person.items].astype(np.float32),
            y=likes.astype(np.int64),
            group="newcomer" if len(likes) < NEWCOMER else "regular",
            oracle_score=np.maximum(chance, 1 - chance),
        )


PERSONALIZATION = Family(
    name="personalization",
    kind="classification",
    shots=Shots(support=30, query=40, evaluation=200, per_class=False),
    sources={GENERATED: Generated, "movielens100k": MovieLens100K},
)
