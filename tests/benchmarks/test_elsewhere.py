"""A run's θ on other tasks: on its own it reaches what the run reached."""

import sys

import polars as pl
import pytest

import metafed as mf
from benchmarks.elsewhere import Options, evaluated, main
from simulation import simulate


@pytest.fixture(scope="module")
def run(small_data):
    method = {"algorithm": "protonet", "filters": 4, "query_rows": 2, "kernels": "torch"}
    sizes = {"clients": 20, "cohort": 2, "rounds": 2, "eval_every": 0}
    settings = {"tasks": "omniglot:20w1s", "data_dir": str(small_data), **method, **sizes}
    return simulate(mf.Experiment(**settings), engine="local", progress=False)


def test_on_its_own_tasks_it_reaches_what_the_run_did(run):
    found = evaluated(Options(run.folder, "omniglot:20w1s"))
    last = pl.col("round") == 2, pl.col("phase") == "evaluate", ~pl.col("seen"), pl.col("step") == 1
    theirs = run.clients.filter(*last).sort("client")
    assert list(found) == theirs["client"].to_list()
    assert [own.score[-1] for own in found.values()] == theirs["score"].to_list()


def test_trained_with_twenty_classes_it_is_evaluated_with_five(run, small_data, monkeypatch, capsys):
    words = [str(run.folder), "--tasks", "omniglot:5w1s", "--eval-clients", "3", "--data-dir", str(small_data)]
    monkeypatch.setattr(sys, "argv", ["elsewhere", *words])
    assert main() == 0
    assert "20.00 [" in capsys.readouterr().out  # one of five by chance, before adaptation


def test_tasks_that_do_not_fit_end_with_2(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["elsewhere", str(run.folder), "--tasks", "avatar"])
    assert main() == 2
    assert "family 'avatar' is regression" in capsys.readouterr().err


def test_clients_without_a_score_are_left_out_and_counted(tmp_path, monkeypatch, capsys):
    for rows, code in ((33, 0), (10**6, 2)):  # the second is more than anybody has
        folder = tmp_path / str(rows)
        settings = {"tasks": "avatar", "clients": 8, "cohort": 3, "rounds": 1, "eval_every": 0, "eval_rows": rows}
        simulate(mf.Experiment(**settings), engine="local", out=folder, progress=False)
        monkeypatch.setattr(sys, "argv", ["elsewhere", str(folder), "--tasks", "avatar"])
        assert main() == code
    said = capsys.readouterr()
    assert "1 clients failed, or have no score; they are left out." in " ".join(said.out.split())
    assert "no unseen client has a score (--eval-rows of the run)" in said.err
