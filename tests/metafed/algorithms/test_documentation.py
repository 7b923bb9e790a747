"""The table names algorithms as they are, and says of each what its class does; a new one needs no row at first."""

import re
from pathlib import Path

import pytest
import torch

from metafed.algorithms import ALGORITHMS
from metafed.models import SmallConv, initialize, layout

TABLE = Path(__file__).parents[3] / "docs" / "algorithms.md"
ROWS = {
    cells[0].strip("` "): dict(zip(("computes", "sends", "keeps", "outer", "evaluation"), cells[1:], strict=False))
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in re.split(r"(?<!\\) \| ", line.strip("| "))]]
}
WEIGHTS = {"alike": "(1)", "rows": "(n_k)", "none": "(0)"}


def test_the_table_names_algorithms_once_in_their_order():
    rows = re.findall(r"^\| `([^`]+)` \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [name for name in ALGORITHMS if name in rows]
    assert len(rows) >= 30


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_what_is_sent_and_kept_and_who_adapts(name):
    algorithm, row = ALGORITHMS[name](), ROWS[name]
    model = SmallConv("toy", 3, (1, 8, 8), filters=2, width=4, norm="group", activation="tanh")
    theta = initialize(layout({"toy": model}), 0, torch.float64)
    assert (row["keeps"] == "–") == (not algorithm.personal(theta))
    assert WEIGHTS[algorithm.weighs] in row["sends"] or row["sends"] == "the same"
    outer = "–" if algorithm.weighs == "none" else f"{algorithm.outer.optimizer}, {algorithm.outer.rate:g}"
    assert re.match(rf"{re.escape(outer)}([,; ]|$)", row["outer"])  # then what it does beside
    assert row["evaluation"].startswith("none") == (algorithm.evaluation_steps == 0)
