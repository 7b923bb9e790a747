"""People with too few rows for a score, or with equal targets, are counted and named wherever a run is looked at."""

import json

import numpy as np
import polars as pl
import pytest

from metafed.core.streams import stream
from simulation.data.command import main as data
from simulation.export import main as export
from simulation.run import main as run

FLAGS = "--engine local --clients 14 --rounds 2 --eval-every 0 --width 8 --unseen 0 --inner-lr 0.01"
ROWS = [24] * 9 + [4, 5, 7, 12, 24]
"""Four people have 1, 1, 2 and 3 query rows, and the last has 6, of one target."""


@pytest.fixture
def table(tmp_path):
    rng = stream(0, "tests/undefined")
    who = np.repeat(np.arange(len(ROWS)), ROWS)
    x = rng.standard_normal((len(who), 2))
    y = np.where(who == len(ROWS) - 1, 0.3, x.sum(1) + 0.1 * rng.standard_normal(len(who)))
    pl.DataFrame({"who": who, "a": x[:, 0], "b": x[:, 1], "y": y}).write_csv(tmp_path / "t.csv")
    path = tmp_path / "t.toml"
    path.write_text('data = "t.csv"\nclient = "who"\ntarget = "y"\nkind = "regression"\nfeatures = ["a", "b"]\n')
    return f"people:{path}"


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def names(folder, task):
    """Return what the table calls the clients, in the order of their numbers."""
    from metafed.experiment.settings import Experiment
    from metafed.federation.federation import Federation

    made = Federation(Experiment(tasks=task, clients=len(ROWS), unseen=0))
    return [int(made.sources[0].called(made.roster.place(client).number)) for client in range(len(ROWS))]


def test_they_are_counted_and_named(table, tmp_path, capsys):
    out = tmp_path / "run"
    assert run([*FLAGS.split(), "--tasks", table, "--out", str(out)]) == 0
    said, found = capsys.readouterr().out, summary(out)
    called = names(out, table)
    assert sorted(called[client] for client in found["named"]["undefined"]) == [9, 10, 11, 12, 13]
    assert (found["undefined"], found["diverged"], found["after"]["n"]) == (5, 0, 9)
    assert found["after"]["value"] > -3
    assert "5 of 14 clients undefined" in said
    assert "guard: people, all 14 clients: no score" in said
    frame = pl.read_parquet(out / "clients.parquet")
    evaluated = frame.filter(pl.col("phase") == "evaluate", pl.col("score").is_null())
    assert set(evaluated["client"]) == set(found["named"]["undefined"])
    assert evaluated["loss"].is_finite().all()
    assert "undefined)" in (out / "report.html").read_text()
    assert export([str(out), "--out", str(tmp_path / "tables")]) == 0
    states = pl.read_csv(tmp_path / "tables" / "clients.csv")["state"]
    assert states.value_counts().sort("state")["count"].to_list() == [5, 9]


def test_how_many_rows_a_score_needs_is_a_setting(table, tmp_path):
    for least, undefined in ((1, 3), (3, 4), (7, 14)):
        out = tmp_path / f"run{least}"
        assert run([*FLAGS.split(), "--tasks", table, "--out", str(out), "--eval-rows", str(least), "--quiet"]) == 0
        assert summary(out)["undefined"] == undefined


def test_check_says_how_many(table, capsys):
    assert data(["check", table]) == 0
    assert "5 of 14 clients have no score" in capsys.readouterr().out
