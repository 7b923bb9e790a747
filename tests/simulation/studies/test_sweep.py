"""``simulation.sweep``: every combination runs once, what is finished is kept; efficient cells are the frontier."""

import csv
import json
import xml.etree.ElementTree as ElementTree

import pytest

from server.files import held
from simulation.analysis.frontier import Point, efficient
from simulation.cli.errors import BadInput
from simulation.report.frontier import write_frontier
from simulation.runs.sweep.plan import axes_of, grid
from simulation.sweep import main
from tests.simulation.command.running import manifest

SMALL = ["--clients", "12", "--cohort", "6", "--rounds", "1", "--width", "8", "--tasks", "assistant"]
LOCAL = [*SMALL, "--engine", "local", "--quiet", "--no-report"]


def rows(folder):
    with (folder / "frontier.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_grid_is_the_product_of_its_axes_and_lists_are_no_axes():
    words = ["--tasks", "assistant,avatar", "--outer-lr=0.1,0.2", "--seeds", "3", "--width", "8,16"]
    rest, axes = axes_of(words, ranges=False)
    assert rest == ["--tasks", "assistant,avatar", "--seeds", "3"]
    cells = grid(rest, axes)
    assert [cell.name for cell in cells] == [f"outer-lr={b}_width={w}" for b in ("0.1", "0.2") for w in (8, 16)]
    assert [(cell.config.experiment.outer_lr, cell.config.experiment.width) for cell in cells] == [
        (0.1, 8), (0.1, 16), (0.2, 8), (0.2, 16),
    ]  # fmt: skip
    assert {cell.config.seeds for cell in cells} == {3}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--width", "8..64"], "--trials"),
        (["--width", "8,8"], "twice"),
        (["--width", "8,"], "--width 8,: a value is empty"),
        (["--width=,"], "--width ,: a value is empty"),
        (["--width", "8,16", "--width", "3,4"], "given twice"),
    ],
)
def test_axes_that_mean_nothing_are_refused(words, named):
    with pytest.raises(BadInput, match=named):
        axes_of(words, False)


def test_a_range_has_its_ends_in_order():
    _, (axis,) = axes_of(["--outer-lr", "0.001..0.1:log"], True)
    assert (axis.low, axis.high, axis.log, axis.whole) == (0.001, 0.1, True, False)
    for text in ("2..1", "0..1:log", "a..b", "0.1..inf", "nan..1", "-inf..0"):
        with pytest.raises(BadInput):
            axes_of(["--outer-lr", text], True)


def points(*pairs):
    def known(value):
        return {"value": value, "low": None, "high": None, "n": 1}

    return [Point(f"c{i}", {"--q": str(i)}, known(a), known(b), "unseen") for i, (a, b) in enumerate(pairs)]


def test_the_frontier_is_who_is_beaten_by_nobody(tmp_path):
    some = points((0.5, 0.1), (0.4, 0.3), (0.4, 0.2), (0.3, 0.3), (0.5, 0.1))
    assert efficient(some) == [True, True, False, False, True]
    table, picture = write_frontier(some, tmp_path)
    assert [row["efficient"] for row in rows(tmp_path)] == ["yes", "yes", "no", "no", "yes"]
    assert rows(tmp_path)[1] | {"cell": "", "seeds": ""} == {
        "cell": "", "method": "c1", "q": "1", "clients": "unseen", "seeds": "", "mean": "0.4", "mean_low": "",
        "mean_high": "", "worst10": "0.3", "worst10_low": "", "worst10_high": "", "efficient": "yes",
    }  # fmt: skip
    assert table.name == "frontier.csv"
    assert len(ElementTree.parse(picture).getroot()) > 0


def test_a_grid_runs_goes_on_where_it_stopped_and_draws(tmp_path, capsys):
    out = tmp_path / "sweep"
    words = ["--objective", "qffl", "--objective.q", "0,2", *LOCAL, "--out", str(out)]
    assert main(words) == 0
    assert "efficient" in capsys.readouterr().out
    first = {row["objective.q"]: row for row in rows(out)}
    assert set(first) == {"0", "2"}
    assert first["2"]["method"] == "objective = qffl, q = 2"
    records = {q: out / "cells" / f"objective.q={q}" / "seed-0" for q in (0, 2)}
    assert manifest(records[2])["experiment"]["objective"]["q"] == 2.0
    kept = records[0] / "clients.parquet"
    before = kept.stat().st_mtime_ns
    about = json.loads((records[2] / "manifest.json").read_text())
    (records[2] / "manifest.json").write_text(json.dumps({**about, "exit_reason": "interrupted"}))
    assert main(words) == 0
    assert kept.stat().st_mtime_ns == before  # finished: not run again
    assert manifest(records[2])["exit_reason"] == "done"
    assert {row["objective.q"]: row for row in rows(out)} == first  # the same bits
    assert b"<svg" in (out / "frontier.svg").read_bytes()


def test_trials_are_searched_and_go_on(tmp_path):
    out = tmp_path / "sweep"
    words = ["--outer-lr", "0.001..0.1:log", "--width", "4,8", *LOCAL, "--out", str(out)]
    assert main([*words, "--trials", "2"]) == 0
    first = rows(out)
    assert len(first) == 2
    assert all(0.001 <= float(row["outer-lr"]) <= 0.1 and row["width"] in ("4", "8") for row in first)
    assert main([*words, "--trials", "3"]) == 0
    assert rows(out)[:2] == [{**row, "efficient": new["efficient"]} for row, new in zip(first, rows(out), strict=False)]
    assert len({row["cell"] for row in rows(out)}) == 3  # what goes on does not begin anew


BAD = {
    "no axis": (["--width", "8"], "no flag has several values"),
    "bad value": (["--width", "8,-1"], "--width"),
    "bad flag": (["--objective.power", "0,1"], "--objective.power"),
    "no trial": (["--width", "4..8", "--trials", "0"], "--trials 0"),
    "trials without end": (["--width", "4..8", "--trials", "1000000000000"], "from 1 to 100,000"),
    "seed of no sampler": (["--width", "4..8", "--trials", "1", "--search-seed", "-1"], "--search-seed -1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_and_leaves_nothing(case, tmp_path, capsys):
    words, named = BAD[case]
    try:
        code = main([*words, *LOCAL, "--out", str(tmp_path / "sweep")])
    except SystemExit as leave:
        code = leave.code
    said = capsys.readouterr()
    assert code == 2
    assert named in said.err + said.out
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_sweep_is_refused_and_left_as_it_is(tmp_path, capsys):
    (tmp_path / "sweep.json").write_text(json.dumps({"kind": "sweep", "words": ["--width", "1,2"], "search": "grid"}))
    assert main(["--width", "4,8", *LOCAL, "--out", str(tmp_path)]) == 2
    assert "another sweep" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]


def test_a_sweep_that_another_process_carries_out_is_left_to_it(tmp_path, capsys):
    words = ["--width", "4,8", *LOCAL]
    (tmp_path / "sweep.json").write_text(json.dumps({"kind": "sweep", "words": words, "search": "grid"}))
    with held(tmp_path):
        assert main([*words, "--out", str(tmp_path)]) == 2
    assert "another process carries out this sweep" in capsys.readouterr().err
    assert not (tmp_path / "cells").exists()
