"""Scores beside the families' own: columns of the record that change nothing else, from the command line and Python."""

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

import metafed as mf
from metafed.core.traits import conflicts
from metafed.experiment.rules.declared import WITHHOLDING, declared
from simulation import BadInput, simulate
from simulation.run import main
from tests.simulation.command.running import manifest

SMALL = {"clients": 8, "rounds": 1, "width": 8, "eval_every": 0}


def run(**settings):
    return simulate(mf.Experiment(**{**SMALL, **settings}), engine="local", progress=False)


def evaluated(clients):
    return clients.filter(pl.col("phase") == "evaluate")


def agreement(target, output):
    """Return accuracy where rows have a class, else the root mean squared error: both by independent code."""
    if target.ndim == 1:
        return metrics.accuracy_score(target, output.argmax(1))
    return metrics.root_mean_squared_error(target, output)


def test_they_are_columns_and_change_nothing_else(tmp_path, capsys):
    tasks = "personalization,avatar"
    flags = f"--engine local --clients 8 --rounds 1 --width 8 --eval-every 0 --tasks {tasks}".split()
    assert main([*flags, "--out", str(tmp_path / "plain")]) == 0
    assert main([*flags, "--out", str(tmp_path / "more"), "--score", "balanced-accuracy,rmse"]) == 0
    plain, more = (pl.read_parquet(tmp_path / name / "clients.parquet") for name in ("plain", "more"))
    assert more.columns == [*plain.columns, "balanced-accuracy", "rmse"]
    assert more.drop("balanced-accuracy", "rmse").equals(plain)
    assert manifest(tmp_path / "more")["theta_sha256"] == manifest(tmp_path / "plain")["theta_sha256"]
    for row in more.iter_rows(named=True):
        known = row["phase"] == "evaluate"
        assert (row["balanced-accuracy"] is not None) == (known and row["family"] == "personalization")
        assert (row["rmse"] is not None) == (known and row["family"] == "avatar")
    assert (tmp_path / "more" / "config.toml").read_text().count('score = "balanced-accuracy,rmse"') == 1


def test_a_function_of_a_session_is_one(capsys):
    found = evaluated(run(tasks="personalization,avatar", score=["rmse", agreement]).clients)
    own = mf.Experiment(tasks="avatar", score=agreement).score
    classes, reals = (found.filter(pl.col("family") == name) for name in ("personalization", "avatar"))
    np.testing.assert_allclose(classes[own], classes["score"], atol=1e-6)
    np.testing.assert_allclose(reals[own], reals["rmse"], atol=1e-12)


@pytest.mark.parametrize("algorithm", ["fedem", "fedproto", "knn-per", "protonet"])
def test_methods_with_predictions_of_their_own(algorithm):
    tasks = "assistant" if algorithm == "protonet" else "personalization"
    found = evaluated(run(tasks=tasks, algorithm=algorithm, score=[agreement, "log-loss"], clients=4).clients)
    own = mf.Experiment(tasks="avatar", score=agreement).score
    np.testing.assert_allclose(found[own], found["score"], atol=1e-6)
    np.testing.assert_allclose(found["log-loss"], found["loss"], rtol=1e-4)


def test_too_few_rows_have_none():
    found = evaluated(run(tasks="personalization", score="macro-f1", eval_rows=10**6).clients)
    assert len(found)
    assert found["macro-f1"].null_count() == len(found)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"score": "balanced-acuracy"}, "did you mean 'balanced-accuracy'?"),
        ({"score": "auc,auc"}, "'auc' is named twice"),
        ({"score": "accuracy"}, "accuracy is in column score for every classification task already"),
        ({"score": "rmse", "tasks": "personalization"}, "--score rmse is of regression tasks"),
        ({"score": "math:pi"}, "'math:pi' is no function"),
        ({"score": "math:nothing"}, "cannot be imported"),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises((BadInput, mf.SettingError), match=words.replace("?", r"\?")):
        mf.Experiment(**{**SMALL, **settings})


def test_nodes_that_keep_their_rows_cannot_send_them():
    found = [str(each) for each in conflicts([*declared(mf.Experiment(score="auc")), WITHHOLDING])]
    assert any(text.startswith("--score auc cannot be combined with") for text in found)
    assert not conflicts([*declared(mf.Experiment()), WITHHOLDING])
