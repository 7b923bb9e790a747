"""Virtual assistant: which of the user's own five intents does an utterance mean?

Every user has five intents in an order of their own, so a class number means nothing before adaptation.

The generator is a world of ``INTENTS`` intents in ``DOMAINS`` domains. An intent is a distribution over
``NGRAMS`` n-grams around that of its domain; a user perturbs the distributions by a personal way of
speaking. An utterance is the counts of a few independent n-grams. The features are the counts over the
root of the utterance's length, times ``SCALE``: nothing is lost, since their sum tells the length, and
so the best possible accuracy is known row by row.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from metafed.core.episodes import Examples, Shots, evaluation_rows
from metafed.core.streams import stream
from metafed.data.family import Family
from metafed.data.sets.banking77.reader import Banking77
from metafed.data.sets.clinc150.reader import Clinc150
from metafed.data.source import GENERATED
from metafed.families.generated import Generator
from metafed.models import Inputs

SLOTS = 5
SHOTS = Shots(support=5, query=10, evaluation=20, per_class=True)

DOMAINS = 10
INTENTS = 60
NGRAMS = 128
DOMAIN_SPREAD = 1.0
"""Standard deviation of an n-gram's log-odds between domains."""
INTENT_SPREAD = 1.2
"""The same between the intents of one domain."""
SPEECH_SPREAD = 0.4
"""The same between users: the way of speaking."""
LENGTH = (4, 14)
"""N-grams in an utterance."""
SCALE = 10.0
"""Brings the features to about unit variance."""
UTTERANCES = (4, 200)
"""Utterances of one intent of one user."""


@dataclass(frozen=True)
class User:
    """One client's truth.

    Attributes:
        domain: The favourite domain.
        chances: Each intent's distribution over n-grams ``(SLOTS, NGRAMS)``, in the user's own order.
        sizes: Utterances of each intent ``(SLOTS,)``.
    """

    domain: int
    chances: np.ndarray
    sizes: np.ndarray

    def speak(self, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw one utterance of each intent in ``y (n,)`` and return its counts ``(n, NGRAMS)``."""
        lengths = rng.integers(LENGTH[0], LENGTH[1], len(y), endpoint=True)
        return np.asarray(rng.multinomial(lengths, self.chances[y]))

    def posterior(self, counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
        """Return each intent's chance ``(n, SLOTS)`` given ``counts (n, NGRAMS)`` and ``prior (SLOTS,)``."""
        scores = counts @ np.log(self.chances).T + np.log(prior)
        odds = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(odds / odds.sum(1, keepdims=True))


@final
class Generated(Generator):
    """Any number of generated users, each made when asked for."""

    features = NGRAMS
    outputs = SLOTS
    sequence = Inputs("sequence", (LENGTH[1],), vocabulary=NGRAMS + 1)

    @cached_property
    def intents(self) -> np.ndarray:
        """Log-odds of the n-grams, ``(INTENTS, NGRAMS)``; intent i belongs to domain i mod DOMAINS."""
        rng = stream(self._seed, "assistant/world")
        domains = DOMAIN_SPREAD * rng.standard_normal((DOMAINS, NGRAMS))
        own = INTENT_SPREAD * rng.standard_normal((INTENTS, NGRAMS))
        return np.asarray(domains[np.arange(INTENTS) % DOMAINS] + own)

    def user(self, client: int) -> User:
        """Return the truth about client ``client``."""
        rng = stream(self._seed, "assistant/user", client)
        domain_of = np.arange(INTENTS) % DOMAINS
        favourite, second = rng.choice(DOMAINS, 2, replace=False)
        liking = np.where(domain_of == favourite, 20.0, np.where(domain_of == second, 5.0, 0.5))
        chosen = rng.choice(INTENTS, SLOTS, replace=False, p=liking / liking.sum())
        odds = self.intents[chosen] + SPEECH_SPREAD * rng.standard_normal(NGRAMS)
        chances = np.exp(odds)
        sizes = np.clip(rng.lognormal(np.log(50), 0.7, SLOTS), *UTTERANCES).astype(np.int64)
        return User(int(favourite), chances / chances.sum(1, keepdims=True), sizes)

    def examples(self, client: int) -> Examples:
        """Return the utterances of one user; the group is the favourite domain."""
        user = self.user(client)
        y, counts = self.spoken(user, client)
        prior = np.array([evaluation_rows(size, SHOTS) for size in user.sizes], dtype=np.float64)
        return Examples(
            x=features_of(counts),
            y=y,
            group=f"domain {user.domain}",
            # an episode holds a set number of rows of each class: those are the prior of its query
            oracle_score=user.posterior(counts, prior / prior.sum()).max(1),
        )

    def spoken(self, user: User, client: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the intents ``(n,)`` and the counts ``(n, NGRAMS)`` of the utterances of client ``client``."""
        y = np.repeat(np.arange(SLOTS), user.sizes)
        return y, user.speak(y, stream(self._seed, "assistant/client", client))

    def sequences(self, client: int) -> np.ndarray:
        """Return the utterances' n-grams as tokens ``(n, LENGTH[1])``, in a random order: they are independent."""
        rng = stream(self._seed, "assistant/order", client)
        _, counts = self.spoken(self.user(client), client)
        found = np.zeros((len(counts), LENGTH[1]), np.int64)
        for row, own in zip(found, counts, strict=True):
            row[LENGTH[1] - own.sum() :] = rng.permutation(np.repeat(np.arange(NGRAMS) + 1, own))
        return found


def features_of(counts: np.ndarray) -> np.ndarray:
    """Return the features ``(n, NGRAMS)`` of utterances, given as ``counts (n, NGRAMS)``."""
    return np.asarray(SCALE * counts / np.sqrt(counts.sum(1, keepdims=True)), dtype=np.float32)


ASSISTANT = Family(
    name="assistant",
    kind="classification",
    shots=SHOTS,
    anonymous=True,
    sources={
        GENERATED: Generated,
        "clinc150": Clinc150,
        "banking77": Banking77,
    },
)
