"""Clients that are held out to choose by: from the roster to the record, early stopping, sweeps and resuming."""

import json

import polars as pl
import pytest
from pydantic import ValidationError

from metafed.core.traits import conflicts
from metafed.experiment.rules.declared import WITHHOLDING, declared
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.patience import Patience
from simulation.analysis.frontier import point
from simulation.run import main
from simulation.sweep import main as sweep
from tests.integration.resume.running import bits, resume, start, stops_after

SMALL = {"tasks": "avatar", "clients": 10, "unseen": 0.2, "validation": 0.3, "width": 8, "rounds": 2, "eval_every": 1}


def experiment(**changes):
    return Experiment.model_validate({**SMALL, **changes})


def rows_of(folder):
    return pl.read_parquet(folder / "clients.parquet")


def test_every_client_is_seen_or_validates_or_is_in_the_test():
    roster = Federation(experiment()).roster
    kinds = ["seen" if c < roster.seen else "validation" if roster.validates(c) else "unseen" for c in range(10)]
    assert kinds == ["seen"] * 5 + ["validation"] * 3 + ["unseen"] * 2
    assert roster.evaluated() == list(range(10))
    drawn = Federation(experiment(clients=100, eval_clients=4)).roster
    assert [sum(map(drawn.validates, drawn.evaluated())), len(drawn.evaluated())] == [4, 12]
    assert {c for number in range(1, 40) for c in roster.cohort(number)} == set(range(5))


def test_the_record_tells_them_apart_and_nothing_else_counts_them(tmp_path):
    start(experiment(), tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    of = {phase: set(rows.filter(phase=phase)["client"]) for phase in rows["phase"].unique()}
    assert of == {"train": set(range(5)), "evaluate": {*range(5), 8, 9}, "validation": {5, 6, 7}}
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["clients"], summary["unseen"]["clients"], summary["validation"]["clients"]) == (7, 2, 3)
    last = rows.filter((pl.col("phase") == "validation") & (pl.col("round") == 2) & (pl.col("step") == 5))
    assert summary["validation"]["after"]["value"] == pytest.approx(last["score"].mean())
    line = json.loads((tmp_path / "run" / "rounds.jsonl").read_text().splitlines()[-1])
    assert line["validation"] == pytest.approx(last["score"].mean())
    assert set(line["evaluation"]) == {"seen", "unseen", "validation"}
    assert set(pl.read_parquet(tmp_path / "run" / "participation.parquet")["client"]) == {*range(5), 8, 9}


def test_without_validation_a_record_is_as_before(tmp_path):
    start(experiment(validation=0, rounds=1), tmp_path / "run")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert "validation" not in summary
    assert "validation" not in json.loads((tmp_path / "run" / "rounds.jsonl").read_text().splitlines()[-1])
    assert set(rows_of(tmp_path / "run")["phase"]) == {"train", "evaluate"}


def waits(values, patience, rounds=20, every=1):
    """Return after which of the evaluations a run stops."""
    watch = Patience(experiment(patience=patience, rounds=rounds, eval_every=every))
    for index, value in enumerate(values):
        watch.see({"round": index * every, "validation": value})
        if watch.over:
            return index, watch.about["best_round"]
    return None


def test_patience_counts_evaluations_since_the_best():
    assert waits([0.1, 0.2, 0.2, 0.1], 2) == (3, 1)
    assert waits([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.0], 3) == (6, 3)
    assert waits([0.3, None, None], 2, every=2) == (2, 0)
    assert waits([0.1, 0.2, 0.3], 1) is None


def test_a_run_stops_early_and_goes_on_to_the_same_bits(tmp_path):
    # with so large a rate the scores of validation clients do not go on rising
    own = experiment(patience=1, rounds=30, eval_every=2, algorithm={"name": "fedavg-ft", "inner_lr": 0.6})
    start(own, tmp_path / "whole")
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text())
    last = json.loads((tmp_path / "whole" / "rounds.jsonl").read_text().splitlines()[-1])["round"]
    assert 2 <= last < 30
    assert manifest["stopped_early"]["best_round"] == last - 2
    start(own, tmp_path / "killed", stops_after(last - 1), every=1)
    assert resume(own, tmp_path / "killed", every=1) == last - 1
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")
    assert resume(own, tmp_path / "killed", every=1) == last
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


def test_a_sweep_chooses_by_validation_clients(tmp_path):
    words = ["--tasks", "avatar", "--clients", "10", "--validation", "0.3", "--width", "8", "--rounds", "1"]
    words += ["--engine", "local", "--quiet", "--inner-lr", "0.01,0.1", "--out", str(tmp_path / "sweep")]
    assert sweep(words) == 0
    (first, _) = sorted((tmp_path / "sweep" / "cells").iterdir())
    summary = json.loads((first / "summary.json").read_text())
    found = point("cell", {}, summary, {})
    assert found.part == "validation"
    rows = rows_of(next(first.glob("seed-*")))
    own = rows.filter((pl.col("phase") == "validation") & (pl.col("round") == 1) & (pl.col("step") == 5))
    assert found.mean["value"] == pytest.approx(own["score"].mean())
    del summary["validation"]
    assert point("cell", {}, summary, {}).part == "unseen"


REFUSED = {
    "nobody": ({"validation": 0.01}, "--validation 0.01 of 10 clients is nobody"),
    "no room": ({"validation": 0.5, "unseen": 0.9}, "leave nobody to train on"),
    "patience alone": ({"validation": 0, "patience": 3}, "--patience 3 needs validation clients"),
    "one evaluation": ({"patience": 3, "eval_every": 0}, "--eval-every 0 has one"),
    "cohort": ({"cohort": 6}, "--unseen 0.2 and --validation 0.3 leave for meta-training; choose at most 5"),
    "classes": ({"tasks": "omniglot:5w1s", "clients": 100}, "they would choose on the test"),
    "a share": ({"validation": 1.0}, "less than 1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused(what):
    changes, message = REFUSED[what]
    with pytest.raises(ValidationError, match=message):
        experiment(**changes)


def test_a_node_that_keeps_its_rows_cannot_have_validation_clients():
    found = [str(each) for each in conflicts([*declared(experiment()), WITHHOLDING])]
    assert any("--validation 0.3 cannot be combined with a node that shares no rows" in each for each in found)


def test_flags(tmp_path, capsys):
    words = ["--tasks", "avatar", "--clients", "10", "--width", "8", "--rounds", "1", "--engine", "local"]
    assert (
        main([*words, "--validation", "0.2", "--patience", "3", "--eval-every", "0", "--out", str(tmp_path / "run")])
        == 2
    )
    assert main([*words, "--validation", "0.2", "--out", str(tmp_path / "run")]) == 0
    assert "2 to choose by" in capsys.readouterr().out
