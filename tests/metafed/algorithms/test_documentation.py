"""The table names algorithms as they are; a new one is documented in its own file until it has a row."""

import re
from pathlib import Path

from metafed.algorithms import ALGORITHMS

DOCS = Path(__file__).parents[3] / "docs"


def test_the_table_names_algorithms_once_in_their_order():
    rows = re.findall(r"^\| `([^`]+)` \|", (DOCS / "algorithms.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [name for name in ALGORITHMS if name in rows]
    assert len(rows) >= 17
