"""Law 8: one number has one value, and one interval, in every output."""

import csv
import json

import polars as pl
import pytest

from metafed.fairness.summary import summarize
from simulation.analysis.measures import USUAL
from simulation.analysis.tables import estimate as on_screen
from simulation.analysis.tables import values_table
from simulation.api.comparing import compare as from_python
from simulation.compare import main as compare
from simulation.export import main as export
from simulation.report.comparison import several
from simulation.runs.summary import write_summary
from tests.cases import some
from tests.simulation.studies.records import record, study

ENDS = ("value", "low", "high")


def ends(cell):
    """Return a number and its interval; an empty cell of a CSV file is None."""
    return tuple(None if cell[end] in (None, "") else float(cell[end]) for end in ENDS)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seeds", some([6, 3], 3))
def test_a_study_has_the_same_figures_in_every_output(tmp_path, capsys, seeds):
    folder = study(tmp_path / "study", seeds, 0.05, references=[("local", 0.0)])
    names = [str(folder / "local"), str(folder)]
    write_summary(folder)
    summary = json.loads((folder / "summary.json").read_text())["unseen"]["all"]
    assert compare([*names, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)["all"]
    page = several([folder])
    assert export([*names, "--out", str(tmp_path / "tables")]) == 0
    capsys.readouterr()
    exported = rows(tmp_path / "tables" / "estimates.csv")
    python = from_python(*names)
    screen = values_table({"all": compared, "by_family": {}}, "", USUAL)
    for position, (method, of_page) in enumerate(zip(("local", "maml"), ("local", "maml"), strict=True)):
        for measure in USUAL:
            found = ends(compared["methods"][names[position]][measure])
            assert found[0] is not None
            assert ends(summary["methods"][method][measure]) == found
            assert ends(page["tables"][0].methods[of_page][measure]) == found
            assert ends(python.found["all"]["methods"][method][measure]) == found
            (row,) = [
                row
                for row in exported
                if (row["method"], row["part"], row["family"], row["measure"])
                == (names[position], "unseen", "all", measure)
            ]
            assert ends(row) == found
            column = list(screen.columns[1 + USUAL.index(measure)].cells)
            assert column[position].plain == on_screen(measure, dict(zip(ENDS, found, strict=True)), between="\n").plain
    differences = {entry["measure"]: entry for entry in compared["differences"]}
    assert list(differences) == list(USUAL)
    of_summary = {entry["measure"]: entry for entry in summary["differences"]}
    of_page = {entry["measure"]: entry for entry in page["tables"][0].differences}
    of_file = {row["measure"]: row for row in rows(tmp_path / "tables" / "differences.csv")}
    for measure, entry in differences.items():
        value, low, high = ends(entry)
        assert ends(of_summary[measure]) == ends(of_file[measure]) == (value, low, high)
        opposite = tuple(None if end is None else -end for end in (value, high, low))
        assert ends(of_page[measure]) == pytest.approx(opposite)  # the page has the reference less the method
        for other in (of_summary[measure], of_page[measure]):
            assert (other["p"], other["p_holm"], other["verdict"]) == (entry["p"], entry["p_holm"], entry["verdict"])
        assert of_file[measure]["verdict"] == entry["verdict"]


def test_a_run_has_the_same_figures_alone_and_beside_others(tmp_path, capsys):
    one, other = (
        record(tmp_path / "one", clients=300),
        record(tmp_path / "other", 0, 0.05, clients=300, algorithm="fomaml"),
    )
    assert compare([str(one), str(other), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    for folder in (one, other):
        block = summarize(pl.read_parquet(folder / "clients.parquet"), 0)
        for family, found in {None: compared["all"], **compared["by_family"]}.items():
            own = block["unseen"] if family is None else block["by_family"][family]["unseen"]
            cells = found["methods"][str(folder)]
            for measure in ("after", "gain", "worst10", "std", "harmed"):
                alone = own[measure] if measure in own else own["fairness"][measure]
                assert ends(cells[measure]) == ends(alone)
                assert cells[measure]["method"] == alone["method"]


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_a_headline_has_the_verdict_of_the_table_below_it(tmp_path, shift):
    one, other = (
        study(tmp_path / "one", 8, clients=40),
        study(tmp_path / "other", 8, shift, clients=40, algorithm="fomaml"),
    )
    page = several([one, other])
    (verdict,) = {
        entry["verdict"] for entry in page["tables"][0].differences if entry["measure"] in ("after", "worst10")
    }
    assert f": {verdict})" in " ".join(page["sentences"])
