"""Names that look like one are named."""

import polars as pl
import pytest

from metafed.data.table.alike import alike
from tests.metafed.data.table.own import PLAIN, describe, rows, source


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["p1", "p1 ", "p2"], ("p1", "p1 ")),
        (["caf\u00e9", "cafe\u0301"], ("cafe\u0301", "caf\u00e9")),
        (["p2\u00a0", "p2", "p1", "\tp1"], ("\tp1", "p1")),
        (["p1", "P1", "p 1", "x2", "x\u00b2"], None),
        ([], None),
    ],
)
def test_the_first_two_that_differ_by_spaces_or_form_only(names, found):
    assert alike(names) == found
    assert alike(pl.Series(names[::-1], dtype=pl.String)) == found


def test_clients_and_classes_that_look_like_one_are_in_the_notes(tmp_path):
    table = rows()
    assert not any("count as two" in note for note in source(describe(tmp_path, table=table)).notes)
    person = table[0]["person"]
    for number, row in enumerate(row for row in table if row["person"] == person):
        row["person"] += " " * (number % 2)
    text = PLAIN.replace('target = "stars"', 'target = "genre"').replace('"genre"]', '"stars"]')
    for number, row in enumerate(table):
        row["genre"] = " puzzle" if row["genre"] == "puzzle" and number % 2 else row["genre"]
    notes = source(describe(tmp_path, text, table, "twice.toml")).notes
    assert f"clients '{person}' and '{person} ' differ by spaces or by Unicode's form only; they count as two" in notes
    assert "classes ' puzzle' and 'puzzle' differ by spaces or by Unicode's form only; they count as two" in notes
