"""Tables on a narrow screen: numbers are whole, names are folded."""

import io
import re

from rich.console import Console

from simulation.analysis.tables import differences_table, values_table

LONG = "/somewhere/far/away/a-study-with-some-name-of-an-algorithm"


def shown(table, width=80):
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return file.getvalue()


def test_numbers_are_whole_on_80_columns():
    number = {"value": -0.12345, "low": -0.54321, "high": 0.98765, "method": "bootstrap"}
    measures = ("after", "worst10", "std", "gain", "harmed", "worse_off")
    block = {"methods": {LONG: dict.fromkeys(measures, number), LONG + "-2": dict.fromkeys(measures, number)}}
    text = shown(values_table({"all": block, "by_family": {}}, "unseen clients, 2 seeds", measures))
    assert "…" not in text
    assert text.count("-0.123") == 2 * (len(measures) - 2)  # two are shares
    assert text.count("[-0.543,") == text.count("0.988]") == 2 * (len(measures) - 2)
    entry = {"one": LONG, "minus": LONG + "-2", "measure": "after", "p": 0.04321, "p_holm": 0.21, "verdict": "open"}
    text = shown(differences_table({"differences": [{**entry, **number}]}))
    assert "…" not in text
    for word in ("-0.123 [-0.543, +0.988]", "0.043", "0.210", "open"):
        assert word in text
    assert "studywithsomename" in re.sub(r"[\s\-−]+", "", re.sub(r"(?m)^(.{20}).*$", r"\1", text))
