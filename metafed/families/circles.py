"""Friends in circles: the truth behind the social generator, a stochastic block model with profiles.

Holland, Laskey, Leinhardt, Social Networks 5(2), 1983: whether two friends know one another is a draw of its own,
likelier within a circle than between circles. A circle is of one of ``KINDS`` kinds (a family, a school, a guild),
and a kind says how often its members share each of ``TRAITS`` traits with the person in the middle. Given a
friend's circle, traits and acquaintances are independent, so that Bayes' rule gives the chance of each circle.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SLOTS = 4
"""Circles of a person."""
KINDS = 12
"""Kinds of circles in the world."""
TRAITS = 16
"""Town, school, employer, language and so on: what a friend shares with the person in the middle."""
KIND_SPREAD = 1.0
"""Standard deviation of a trait's log-odds between kinds."""
OWN_SPREAD = 0.5
"""The same between persons' circles of one kind."""
RARE = -0.8
"""Mean log-odds of sharing a trait."""
OLD = 24
"""Old friends, to whom new ones are asked about their acquaintance."""
INSIDE = (0.2, 0.7)
"""Chance that two friends of one circle know one another, lowest and highest mean of a person's circles."""
OUTSIDE = (0.02, 0.12)
"""The same of two friends from different circles."""
SIZES = (6, 120)
"""Friends in one circle, the old ones aside."""


class Friends(NamedTuple):
    """What is seen of ``n`` friends: ``traits (n, TRAITS)`` and old friends known ``(n, OLD)``, both bool."""

    traits: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Person:
    """One person's truth.

    Attributes:
        traits: Chance that a member of each circle shares each trait ``(SLOTS, TRAITS)``, in an order of the person's.
        old: Circle of each old friend ``(OLD,)``; −1 for those in none.
        inside: Chance that two members of a circle know one another ``(SLOTS,)``.
        outside: Chance that two friends know one another who share no circle.
        sizes: Friends in each circle ``(SLOTS,)``.
    """

    traits: np.ndarray
    old: np.ndarray
    inside: np.ndarray
    outside: float
    sizes: np.ndarray

    @classmethod
    def random(cls, kinds: np.ndarray, rng: np.random.Generator) -> "Person":
        """Draw a person in a world whose kinds have log-odds of traits ``kinds (KINDS, TRAITS)``."""
        chosen = rng.choice(KINDS, SLOTS, replace=False)
        odds = kinds[chosen] + OWN_SPREAD * rng.standard_normal((SLOTS, TRAITS))
        dense = rng.uniform(*INSIDE)
        return cls(
            traits=1 / (1 + np.exp(-odds)),
            old=rng.permutation(np.arange(OLD) % (SLOTS + 1) - 1),
            inside=np.clip(dense * np.exp(0.2 * rng.standard_normal(SLOTS)), 0.05, 0.95),
            outside=rng.uniform(*OUTSIDE),
            sizes=np.clip(rng.lognormal(np.log(30), 0.8, SLOTS), *SIZES).astype(np.int64),
        )

    @property
    def acquaintance(self) -> np.ndarray:
        """Chance that a member of each circle knows each old friend ``(SLOTS, OLD)``."""
        same = np.arange(SLOTS)[:, None] == self.old
        return np.where(same, self.inside[:, None], self.outside)

    def meet(self, y: np.ndarray, rng: np.random.Generator) -> Friends:
        """Draw one friend out of each circle in ``y (n,)``."""
        traits, known = self.traits[y], self.acquaintance[y]
        return Friends(rng.random(traits.shape) < traits, rng.random(known.shape) < known)

    def posterior(self, friends: Friends, prior: np.ndarray) -> np.ndarray:
        """Return the chance of each circle ``(n, SLOTS)`` given what is seen of friends, and ``prior (SLOTS,)``."""
        scores = np.broadcast_to(np.log(prior), (len(friends.traits), SLOTS))
        for seen, chance in ((friends.traits, self.traits), (friends.known, self.acquaintance)):
            scores = scores + seen @ np.log(chance).T + ~seen @ np.log(1 - chance).T
        odds = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(odds / odds.sum(1, keepdims=True))
