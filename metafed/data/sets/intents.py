"""Clients out of labelled utterances that name no speakers: they are artificial.

A client draws its liking for the domains from a Dirichlet distribution, five intents by that liking, and its
utterances of each without replacement. Any number of clients shares the same texts. So that no text is in one
client's training draws and in another's evaluation draws, the first come from the data set's own train split and
the second from its other splits; the few texts that are in both are taken out of train.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from metafed.core.episodes import Examples
from metafed.core.streams import stream
from metafed.data.files.shared import by_file
from metafed.data.sequence import TOKENS, cut, tokens
from metafed.data.sets.base import Dataset, require, table_of

if TYPE_CHECKING:
    import polars as pl

SLOTS = 5
CONCENTRATION = 0.3
"""Of the Dirichlet distribution over domains: the smaller, the more a client keeps to one domain."""
UTTERANCES = (6, 90)
"""Training draws of one intent of one client; there are half as many evaluation draws."""
HASHES = 512
SCALE = 22.0
"""Length of every feature vector; the root of their number brings features to unit variance."""


class Corpus(NamedTuple):
    """The file's content.

    Attributes:
        texts: All texts.
        domains: Names of the domains.
        domain_of: Each intent's domain ``(I,)``.
        training: Rows of each intent's train split, one array an intent.
        evaluation: Rows of each intent's other splits.
        dropped: Texts taken out of train, since another split has them too.
    """

    texts: list[str]
    domains: list[str]
    domain_of: np.ndarray
    training: list[np.ndarray]
    evaluation: list[np.ndarray]
    dropped: int


class Intents(Dataset, ABC):
    """Artificial clients, whatever the texts; a row is hashed words and pairs of words, of length ``SCALE``."""

    features = HASHES
    outputs = SLOTS
    sequence = TOKENS
    textual = True
    name: ClassVar[str]
    """The data set's name, of which the clients' random streams are named."""
    columns_read: ClassVar[tuple[str, ...]]
    """Columns that the file must have; text, intent and split are among them."""

    @abstractmethod
    def _labelled(self, table: "pl.DataFrame") -> "pl.DataFrame":
        """Return the rows to use, with a column ``domain``; ``table`` has ``columns_read`` as texts."""

    @property
    def clients(self) -> int | None:
        """Any number can be made, once the file is known to be sound."""
        _ = self.corpus
        return None

    @cached_property
    @by_file
    def corpus(self) -> Corpus:
        """The file's content.

        Raises:
            DataError: The file is missing or damaged.
        """
        import polars as pl

        path, columns = self.path, list(self.columns_read)
        table = self._labelled(table_of(path, columns).select(pl.col(columns).cast(pl.String)))
        require(path, table.height > 0 and table.null_count().sum_horizontal().item() == 0, "rows without a value")
        held = pl.col("split") != "train"
        repeated = table.filter(held)["text"]
        kept = table.filter(held | ~pl.col("text").is_in(repeated.implode()))
        names = kept["intent"].unique().sort().to_list()
        domains = kept["domain"].unique().sort().to_list()
        intent, split = kept["intent"].to_numpy(), kept["split"].to_numpy()
        domain = dict(zip(kept["intent"], kept["domain"], strict=True))
        training = [np.flatnonzero((intent == name) & (split == "train")) for name in names]
        evaluation = [np.flatnonzero((intent == name) & (split != "train")) for name in names]
        require(path, len(names) >= SLOTS, f"{len(names)} intents, at least {SLOTS} are needed")
        for name, first, second in zip(names, training, evaluation, strict=True):
            few = min(len(first), len(second)) < UTTERANCES[0] // 2
            require(path, not few, f"intent {name!r} has {len(first)} + {len(second)} texts, too few")
        return Corpus(
            texts=kept["text"].to_list(),
            domains=domains,
            domain_of=np.array([domains.index(domain[name]) for name in names]),
            training=training,
            evaluation=evaluation,
            dropped=table.height - kept.height,
        )

    @property
    def sequence_notes(self) -> tuple[str, ...]:
        """How many texts have more words than a sequence has."""
        import polars as pl

        return (cut(pl.LazyFrame({"text": self.corpus.texts}), "text", self.path),)

    def examples(self, client: int) -> Examples:
        """Return one client's utterances; the group is the domain that it likes most."""
        texts, own = self._utterances(client)
        return own._replace(x=hashed(texts))

    def sequences(self, client: int) -> np.ndarray:
        """Return one client's utterances as tokens ``(n, 32)``."""
        return tokens(self.texts(client))

    def texts(self, client: int) -> list[str]:
        """Return one client's utterances."""
        return self._utterances(client)[0]

    def _utterances(self, client: int) -> tuple[list[str], Examples]:
        """Return one client's texts, and all of its rows but x."""
        corpus = self.corpus
        rng = stream(self.origin.seed, f"{self.name}/client", client)
        liking = rng.dirichlet(np.full(len(corpus.domains), CONCENTRATION))
        # a domain that Dirichlet leaves at zero may still be needed to make five intents
        chance = (liking + 1e-6)[corpus.domain_of]
        chosen = rng.choice(len(corpus.domain_of), SLOTS, replace=False, p=chance / chance.sum())
        sizes = np.clip(rng.lognormal(np.log(30), 0.7, SLOTS), *UTTERANCES).astype(int)
        rows, y, evaluation = [], [], []
        for slot, (intent, size) in enumerate(zip(chosen, sizes, strict=True)):
            for pool, count, evaluated in (
                (corpus.training[intent], size, False),
                (corpus.evaluation[intent], size // 2, True),
            ):
                picked = rng.choice(pool, min(count, len(pool)), replace=False)
                rows.extend(picked.tolist())
                y += [slot] * len(picked)
                evaluation += [evaluated] * len(picked)
        return [corpus.texts[row] for row in rows], Examples(
            x=np.empty((len(y), 0)),
            y=np.array(y),
            group=corpus.domains[int(liking.argmax())],
            oracle_score=np.full(len(y), np.nan),
            evaluation=np.array(evaluation),
        )


def hashed(texts: list[str]) -> np.ndarray:
    """Return the features ``(n, HASHES)`` of texts: hashed words and pairs of words, of length ``SCALE``."""
    from sklearn.feature_extraction.text import HashingVectorizer

    counts = HashingVectorizer(n_features=HASHES, ngram_range=(1, 2), norm="l2").transform(texts)
    return np.asarray(SCALE * counts.toarray(), dtype=np.float32)
