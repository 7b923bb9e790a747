"""Social: which of my circles does this friend belong to? Traits shared with me, and acquaintance with old friends.

Every person has four circles in an order of their own, so a class number means nothing before adaptation; nor does
the place of an old friend among the others. The generator (``metafed.families.circles``) is a stochastic block
model, in which Bayes' rule gives the best possible accuracy row by row, from the features alone.
"""

from functools import cached_property
from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots, evaluation_rows
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.sets.facebook_ego.reader import FacebookEgo
from metafed.data.source import GENERATED
from metafed.families.circles import KIND_SPREAD, KINDS, OLD, RARE, SLOTS, TRAITS, Friends, Person
from metafed.families.generated import Generator

SHOTS = Shots(support=5, query=10, evaluation=20, per_class=True)
TRAIT, KNOWN = 1.0, 2.0
"""Size of a trait that is shared, and of an old friend who is known."""
LOOSE = 0.45
"""Mean chance of acquaintance within a circle below which a person's circles are loose."""


@final
class Generated(Generator):
    """Any number of generated people, each made when asked for."""

    features = TRAITS + OLD
    outputs = SLOTS

    @cached_property
    def kinds(self) -> np.ndarray:
        """Log-odds of the traits in each kind of circle ``(KINDS, TRAITS)``."""
        return RARE + KIND_SPREAD * stream(self._seed, "social/world").standard_normal((KINDS, TRAITS))

    def person(self, client: int) -> Person:
        """Return the truth about client ``client``."""
        return Person.random(self.kinds, stream(self._seed, "social/person", client))

    def examples(self, client: int) -> Examples:
        """Return the friends of one person; the group is ``loose`` or ``close-knit``, by who knows whom in a circle."""
        person = self.person(client)
        y = np.repeat(np.arange(SLOTS), person.sizes)
        friends = person.meet(y, stream(self._seed, "social/client", client))
        prior = np.array([evaluation_rows(size, SHOTS) for size in person.sizes], dtype=np.float64)
        return Examples(
            x=features_of(friends),
            y=y,
            group="loose" if person.inside.mean() < LOOSE else "close-knit",
            # an episode holds a set number of rows of each class: those are the prior of its query
            oracle_score=person.posterior(friends, prior / prior.sum()).max(1),
        )


def features_of(friends: Friends) -> np.ndarray:
    """Return the features ``(n, TRAITS + OLD)`` of friends."""
    return np.concatenate([TRAIT * friends.traits, KNOWN * friends.known], axis=1).astype(np.float32)


SOCIAL = Family(
    name="social",
    kind="classification",
    shots=SHOTS,
    anonymous=True,
    sources={GENERATED: Generated, "facebook_ego": FacebookEgo},
)
