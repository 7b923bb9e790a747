"""CLINC150: 22,500 utterances of 150 intents in 10 domains (Larson et al., EMNLP 2019).

The data name no speakers: how clients are made of them stands in ``metafed.data.sets.intents``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, final

from metafed.data.sets.intents import Intents

if TYPE_CHECKING:
    import polars as pl


@final
class Clinc150(Intents):
    """The data set."""

    name = "clinc150"
    columns_read = ("text", "intent", "domain", "split")
    file = Path("intents/clinc150.parquet")
    licence = "CC BY 3.0"

    def _labelled(self, table: "pl.DataFrame") -> "pl.DataFrame":
        import polars as pl

        return table.filter(pl.col("intent") != "oos")

    @property
    def notes(self) -> tuple[str, ...]:
        """That the clients are artificial, what was dropped, and the licence."""
        dropped = f"{self.corpus.dropped} training texts that val or test repeats: dropped"
        return (
            "artificial clients: the data name no speakers; a client's domains are drawn from a seeded Dirichlet",
            "clients share texts: training draws come from the train split, evaluation draws from val and test",
            *((dropped,) if self.corpus.dropped else ()),
            "intent oos (out of scope) is left out",
            f"licence: {self.licence}",
        )
