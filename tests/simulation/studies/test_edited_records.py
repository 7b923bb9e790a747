"""Records that somebody edited: what a reader uses has its type, and what was changed since the end is said."""

import json
import shutil

import pytest

from metafed.experiment.settings import Experiment
from simulation import load
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.resume import settings_file
from simulation.compare import main as compare
from simulation.export import main as export
from simulation.records.runs import read_run
from simulation.report.command import main as report
from simulation.runs.simulate import simulate
from simulation.runs.verify import manifest as verified

LABELS = {"labels": ["a", "b", "c"], "clients": 1}
WRONG = {
    "argv": None,
    "experiment": "x",
    "versions": [],
    "machine": None,
    "git": "x",
    "engine": [],
    "data": "x",
    "label_rows": {"rows": {"0": [1, 2]}},
    "guard": "x",
    "exit_reason": 3,
    "clients_sha256": [],
    "seed": "3",
    "members": "x",
    "nodes": "x",
    "resumed": [1],
    "format": "x",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ended") / "run"
    experiment = Experiment(tasks="assistant", clients=6, cohort=3, rounds=1, width=6)
    return simulate(Config(experiment=experiment, engine="local", report=False, out=folder))


@pytest.fixture
def run(ended, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(ended, tmp_path / "run")


def edit(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("key", WRONG)
def test_a_value_of_another_type_is_named_by_every_reader(run, key, capsys):
    wrong = {"data": {"toys": {key: LABELS | WRONG[key]}}} if key == "label_rows" else {key: WRONG[key]}
    edit(run / "manifest.json", **wrong)
    for reads in (report, compare, lambda words: export([*words, "--out", "x"])):
        assert reads(["run"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "manifest.json" in said
        assert key in said
    for reads in (load, verified, *([] if key == "format" else [settings_file])):
        with pytest.raises(BadInput, match=rf"manifest.json: .*{key}"):
            reads(run)
    assert sorted(path.name for path in run.parent.iterdir()) == ["run"]


def test_a_manifest_without_settings_is_refused_where_they_are_asked_for(run):
    found = json.loads((run / "manifest.json").read_text())
    del found["experiment"]
    (run / "manifest.json").write_text(json.dumps(found))
    with pytest.raises(BadInput, match=r"manifest.json: .*None"):
        _ = load(run).experiment


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("rounds.jsonl", "families", []),
        ("rounds.jsonl", "failed", [{"client": "x"}]),
        ("rounds.jsonl", "round", "1"),
        ("rounds.jsonl", "score", "high"),
        ("rounds.jsonl", "evaluation", {"seen": 3}),
        ("summary.json", "by_family", []),
        ("summary.json", "seen", "x"),
        ("summary.json", "round", "1"),
        ("summary.json", "attributes", [{"family": "assistant", "attribute": "mood", "part": "unseen"}]),
    ],
)
def test_lines_and_summaries_have_their_types_too(run, name, key, value, capsys):
    path = run / name
    lines = path.read_text().splitlines() if name == "rounds.jsonl" else [path.read_text()]
    lines[-1] = json.dumps({**json.loads(lines[-1]), key: value})
    path.write_text("\n".join(lines) + "\n")
    assert report(["run"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert f"{key}" in said
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("name", ["clients.parquet", "rounds.jsonl", "summary.json"])
def test_a_file_that_was_changed_since_the_end_is_said_by_report_and_compare(run, name, capsys):
    assert read_run(run).gaps == []
    path = run / name
    if name == "clients.parquet":
        import polars as pl

        pl.read_parquet(path, glob=False).with_columns(pl.col("score") + 1e-3).write_parquet(path)
    elif name == "summary.json":
        edit(path, exploded=5)
    else:
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:-1], json.dumps({**json.loads(lines[-1]), "score": 0.9})]) + "\n")
    (gap,) = read_run(run).gaps
    assert gap == f"{name} has other bits than when the run ended: it is damaged, or was changed by hand."
    assert compare(["run"]) == 0
    assert gap.rstrip(".") in " ".join(capsys.readouterr().out.split())
    assert report(["run"]) == 0
    assert gap in (run / "report.html").read_text()
