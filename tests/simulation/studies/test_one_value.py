"""Law 8: one number has one value, and one interval, in every output."""

import csv
import json
import re

import polars as pl
import pytest

from metafed.fairness.replicates import FEWEST_SEEDS
from metafed.fairness.summary import summarize
from simulation.analysis.measures import USUAL
from simulation.analysis.tables import estimate as on_screen
from simulation.analysis.tables import percent, values_table
from simulation.api.comparing import compare as from_python
from simulation.cli.tables import closing_table
from simulation.cli.tables import number as text_of
from simulation.compare import main as compare
from simulation.export import main as export
from simulation.report.comparison import several
from simulation.report.pages import write_comparison, write_report
from simulation.runs.summary import write_summary
from tests.cases import some
from tests.simulation.report.latex_reading import check
from tests.simulation.report.tables_reading import tables
from tests.simulation.studies.records import record, study

ENDS = ("value", "low", "high")


def ends(cell):
    """Return a number and its interval; an empty cell of a CSV file is None."""
    return tuple(None if cell[end] in (None, "") else float(cell[end]) for end in ENDS)


def number(text):
    return None if text == "" else float(text)


def plain(cell):
    """Return a LaTeX cell as a terminal shows it."""
    return re.sub(r"\\(?:textbf|small|scriptsize)|[{}]", "", cell.replace("$-$", "-").replace("\\%", "%")).strip()


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seeds", some([6, 3], 3))
def test_a_study_has_the_same_figures_in_every_output(tmp_path, capsys, seeds):
    folder = study(tmp_path / "study", seeds, 0.05, references=[("local", 0.0)])
    folders, names = [str(folder / "local"), str(folder)], ["local", "MAML"]
    write_summary(folder)
    summary = json.loads((folder / "summary.json").read_text())["unseen"]["all"]
    assert compare([*folders, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)["all"]
    page = several([folder])
    assert export([*folders, "--out", str(tmp_path / "tables")]) == 0
    capsys.readouterr()
    exported = rows(tmp_path / "tables" / "estimates.csv")
    python = from_python(*folders)
    html = tables(write_comparison([folder]).read_text(encoding="utf-8"))
    latex = check((tmp_path / "tables" / "table.tex").read_text(encoding="utf-8"))
    of_latex = {row[0].strip(): row[1:] for row in latex if len(row) > 1}  # the last is of all families
    of_html = {row[0]: row[1:] for row in html["All families"]}
    screen = values_table({"all": compared, "by_family": {}}, "", USUAL)
    for position, method in enumerate(names):
        for measure in USUAL:
            found = ends(compared["methods"][method][measure])
            assert found[0] is not None
            assert ends(summary["methods"][method][measure]) == found
            assert ends(page["tables"][0].methods[method][measure]) == found
            assert ends(python.found["all"]["methods"][method][measure]) == found
            (row,) = [
                row
                for row in exported
                if (row["method"], row["part"], row["family"], row["measure"]) == (method, "unseen", "all", measure)
            ]
            assert ends(row) == found
            shown = on_screen(measure, compared["methods"][method][measure]).plain
            assert of_html[method][USUAL.index(measure)].replace("+", "") == shown
            assert plain(of_latex[method][USUAL.index(measure)]) == shown
            column = list(screen.columns[1 + USUAL.index(measure)].cells)
            assert column[position].plain.replace("\n", " ") == shown
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
        of_page_cell = html["Differences from MAML, all families"][1][1 + USUAL.index(measure)]
        assert of_page_cell.startswith(on_screen(measure, of_page[measure], "+").plain)
        if seeds >= FEWEST_SEEDS:
            assert of_page_cell.endswith(f"{entry['verdict']}, p {entry['p_holm']:.3f}")
        assert of_file[measure]["verdict"] == entry["verdict"]
        assert [number(of_file[measure][p]) for p in ("p", "p_holm")] == [entry["p"], entry["p_holm"]]


def test_the_page_and_the_screen_of_a_run_show_its_summary(tmp_path):
    folder = record(tmp_path / "run", clients=240)
    summary = summarize(pl.read_parquet(folder / "clients.parquet"), 0)
    (folder / "summary.json").write_text(json.dumps(summary))
    page = tables(write_report(folder).read_text(encoding="utf-8"))

    def shown(cell, sign="", share=False):
        say = percent if share else text_of
        ends = "" if cell["low"] is None else f" [{say(cell['low'], sign)}, {say(cell['high'], sign)}]"
        return say(cell["value"], sign) + ends

    spread = {row[0]: row[1:] for row in page["Spread of scores after adaptation, all evaluated clients"]}
    worst = {row[0]: row[1:] for row in page["What adaptation does for the worst tenth, all evaluated clients"]}
    for family, parts in summary["by_family"].items():
        fairness = parts["all"]["fairness"]
        names = ("std", "cov", "gini", "worst10", "best10", "harm_depth")
        assert spread[family] == [
            shown(fairness[name]) if fairness[name]["value"] is not None else "–" for name in names
        ]
        own = fairness["of_worst"]
        assert worst[family] == [shown(own["began"], "+"), shown(own["ended"], "+"), shown(own["left"], share=True)]
    table = closing_table(summary)
    gains = [str(cell) for cell in table.columns[2].cells]
    of_page = [row for row in page["Scores, after round 4"] if row[0] in ("seen", "unseen")][-2:]  # all families
    for row in of_page:
        block = summary[row[0]]
        assert shown(block["gain"], "+") in gains
        assert row[2:5] == [shown(block["before"]), shown(block["after"]), shown(block["gain"], "+")]
        assert row[5] == shown(block["fairness"]["worst10"])
        assert row[7] == shown(block["fairness"]["harmed"], share=True)


def test_a_run_has_the_same_figures_alone_and_beside_others(tmp_path, capsys):
    one, other = (
        record(tmp_path / "one", clients=300),
        record(tmp_path / "other", 0, 0.05, clients=300, algorithm="fomaml"),
    )
    assert compare([str(one), str(other), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    for folder, name in ((one, "MAML"), (other, "FOMAML")):
        block = summarize(pl.read_parquet(folder / "clients.parquet"), 0)
        for family, found in {None: compared["all"], **compared["by_family"]}.items():
            own = block["unseen"] if family is None else block["by_family"][family]["unseen"]
            cells = found["methods"][name]
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
