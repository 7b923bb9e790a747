"""BANKING77 from its publisher's files: ``train.csv`` and ``test.csv`` with the columns text, category.

Of github.com/PolyAI-LDN/task-specific-datasets, folder ``banking_data``. Casanueva et al., NLP4ConvAI 2020.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from metafed.core.errors import DataError
from metafed.data.files.originals import originals
from metafed.data.table.lines import rows

if TYPE_CHECKING:
    import polars as pl


def read(path: Path) -> "pl.DataFrame":
    """Read the two files into columns ``text``, ``intent``, ``split``: train first, in the files' order.

    Raises:
        DataError: A file is missing or damaged, or a row has no text or category.
    """
    import polars as pl

    table = []
    with originals(path) as found:
        for split in ("train", "test"):
            file = found.one(f"{split}.csv")
            for line, (text, intent) in rows(file, ("text", "category")):
                if not text.strip() or not intent.strip():
                    raise DataError(f"{file.where}, line {line}: text or category is empty")
                table.append((text, intent, split))
    return pl.DataFrame(table, {"text": pl.String, "intent": pl.Categorical, "split": pl.Categorical}, orient="row")
