"""``simulation.export``: tidy CSV whose numbers are the records', and LaTeX that compiles by its look."""

import csv
import errno

import polars as pl
import pytest

from simulation.export import main, table
from simulation.report.latex import escape
from tests.simulation.command.running import run
from tests.simulation.studies.records import record, study


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_hold_the_records_numbers(tmp_path):
    own = study(tmp_path / "own_1", 5, references=[("local", 0.1)])
    assert main([str(own), "--out", str(tmp_path / "out")]) == 0
    clients = rows(tmp_path / "out" / "clients.csv")
    assert len(clients) == 2 * 5 * 20  # own and local, five seeds, 20 people
    first = next(row for row in clients if row["method"] == "MAML" and row["seed"] == "3" and row["client"] == "7")
    frame = pl.read_parquet(own / "seed-3" / "clients.parquet").filter(client=7)
    assert [float(first["before"]), float(first["after"])] == frame["score"].to_list()
    alone = pl.read_parquet(own / "local" / "seed-3" / "clients.parquet").filter(client=7, step=1)
    assert float(first["alone"]) == alone["score"].item()
    metrics = [row for row in rows(tmp_path / "out" / "metrics.csv") if row["method"] == "MAML"]
    mine = [row for row in metrics if (row["part"], row["family"], row["measure"]) == ("unseen", "all", "after")]
    assert [row["seed"] for row in mine] == list("01234")
    unseen = pl.read_parquet(own / "seed-0" / "clients.parquet").filter(seen=False, step=1)
    assert float(mine[0]["value"]) == pytest.approx(unseen["score"].mean())
    differences = rows(tmp_path / "out" / "differences.csv")
    assert {row["minus"] for row in differences} == {"MAML"}
    assert differences[0]["p"] == "0.0625"


def test_latex_has_a_row_a_method_and_escapes_names(tmp_path):
    own = study(tmp_path / "own_1", 5, references=[("local", 0.1)])
    assert main([str(own), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "table.tex").read_text()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    lines = [line for line in text.splitlines() if " & " in line]
    assert {line.count(" & ") for line in lines} == {len(columns) - 1}
    assert len(lines) == 1 + 3 * 2  # heading; two families and all, two methods each
    assert [line.split(" & ")[0] for line in lines] == ["method", *("MAML", "local") * 3]
    assert escape("50% of a_b & ~") == r"50\% of a\_b \& \textasciitilde{}"


def test_runs_that_cannot_be_compared_are_exported_without_differences(tmp_path, capsys):
    folders = [record(tmp_path / "one"), record(tmp_path / "other", clients=24)]
    assert main([*map(str, folders), "--out", str(tmp_path / "out")]) == 0
    assert "--clients" in capsys.readouterr().err
    assert not (tmp_path / "out" / "differences.csv").exists()
    names = {row["method"] for row in rows(tmp_path / "out" / "clients.csv")}
    assert names == {"clients = 20", "clients = 24"}


def test_a_table_is_there_whole_or_not_at_all(tmp_path):
    def rows():
        yield [1]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        table(tmp_path / "clients.csv", ["client"], rows())
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_of_a_run_adds_up_to_one_a_round(tmp_path):
    words = ("--clients", 12, "--cohort", 5, "--rounds", 3, "--width", 8, "--engine", "local", "--objective", "qffl")
    folder = run(tmp_path / "run", *words)
    assert main([str(folder), "--out", str(tmp_path / "out"), "--ledger"]) == 0
    shares: dict[str, float] = {}
    for row in rows(tmp_path / "out" / "influence.csv"):
        shares[row["round"]] = shares.get(row["round"], 0.0) + float(row["share"])
    assert shares == {str(number): pytest.approx(1.0) for number in (1, 2, 3)}
    learning = rows(tmp_path / "out" / "rounds.csv")
    assert {row["round"] for row in learning} == {"0", "3"}


@pytest.mark.parametrize("bad", ["nowhere", "file"])
def test_bad_folders_are_refused(bad, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    good = record(tmp_path / "good")
    words = [str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    if bad == "file":
        words = [str(good), "--out", str(tmp_path / "file")]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("metafed: ")
