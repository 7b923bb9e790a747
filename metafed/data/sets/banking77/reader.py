"""BANKING77: 13,083 questions to a bank, 77 intents (Casanueva et al., NLP4ConvAI 2020).

The data name no speakers and no domains: how clients are made of them stands in ``metafed.data.sets.intents``, and
what stands for a domain is a word in the intent's name.
"""

from pathlib import Path
from typing import TYPE_CHECKING, final

from metafed.data.sets.intents import Intents

if TYPE_CHECKING:
    import polars as pl

TOPICS = (
    ("top-up", ("top_up", "topping_up")),
    ("cash", ("cash", "atm")),
    ("exchange", ("exchange", "currenc")),
    ("transfer", ("transfer", "receiving", "beneficiary")),
    ("payment", ("payment", "refund", "charge", "transaction")),
    ("card", ("card", "pin", "contactless", "apple_pay")),
)
"""Topics, each with what an intent's name must hold; the first that fits is the intent's."""
OTHERS = "account"
"""The topic of intents that fit none."""


@final
class Banking77(Intents):
    """The data set."""

    name = "banking77"
    columns_read = ("text", "intent", "split")
    file = Path("intents/banking77.parquet")
    licence = "CC BY 4.0"

    def _labelled(self, table: "pl.DataFrame") -> "pl.DataFrame":
        import polars as pl

        topic = {intent: topic_of(intent) for intent in table["intent"].unique().drop_nulls()}
        return table.with_columns(domain=pl.col("intent").replace_strict(topic, default=None, return_dtype=pl.String))

    @property
    def notes(self) -> tuple[str, ...]:
        """That clients and topics are artificial, what was dropped, and the licence."""
        dropped = f"{self.corpus.dropped} training texts that test repeats: dropped"
        return (
            "artificial clients: the data name no speakers; a client's topics are drawn from a seeded Dirichlet",
            "artificial topics: the data name no domains; an intent's topic follows from words in its name",
            "clients share texts: training draws come from the train split, evaluation draws from test",
            *((dropped,) if self.corpus.dropped else ()),
            f"licence: {self.licence}",
        )


def topic_of(intent: str) -> str:
    """Return the topic of an intent, from its name."""
    return next((topic for topic, words in TOPICS if any(word in intent.lower() for word in words)), OTHERS)
