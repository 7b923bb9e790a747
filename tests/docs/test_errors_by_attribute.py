"""The lines of docs/fairness.md that compute errors of a regression by an attribute of its rows."""

import re
from pathlib import Path
from types import SimpleNamespace

import polars as pl

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fairness.md"
ROWS = [
    # round, client, adapted, part, gender, target, prediction
    (1, 0, True, "unseen", "f", [0.0], [9.0]),  # not the last round
    (2, 0, False, "unseen", "f", [0.0], [9.0]),  # before adaptation
    (2, 0, True, "seen", "f", [0.0], [9.0]),
    (2, 0, True, "unseen", "f", [1.0, 2.0], [2.0, 1.0]),
    (2, 0, True, "unseen", "m", [1.0], [3.0]),
    (2, 1, True, "unseen", "m", [1.0], [0.0]),
    (2, 1, True, "unseen", "m", [1.0], [0.0]),
    (2, 1, True, "unseen", None, [1.0], [8.0]),  # without a value
    (2, 1, True, "unseen", "m", [1.0], [None]),  # without a finite prediction
]


def test_the_lines_give_mean_errors_by_value_over_clients():
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        if "predicted_values" in block and "signed" in block
    ]  # fmt: skip
    names = ["round", "client", "adapted", "part", "attribute.gender", "target_values", "predicted_values"]
    lists = {name: pl.List(pl.Float64) for name in names[-2:]}
    frame = pl.DataFrame(ROWS, schema=names, schema_overrides=lists, orient="row")
    known = {"run": SimpleNamespace(predictions=frame)}
    exec(code, known)
    assert known["errors"].rows() == [("f", 0.0, 1.0, 1), ("m", 0.5, 1.5, 2)]
