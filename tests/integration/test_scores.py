"""Scores beside the families' own: columns of the record that change nothing else, from the command line and Python."""

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

import metafed as mf
from metafed.core.traits import conflicts
from metafed.experiment.rules.declared import WITHHOLDING, declared
from simulation import BadInput, load, simulate
from simulation.compare import main as compare
from simulation.export import main as export
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
        ({"score": "return"}, "return is the score of every control task"),
        ({"headline": "auc"}, "--headline auc is none of --score; name it there, too"),
        ({"score": "auc", "headline": "ece"}, "--headline ece is none of --score"),
        ({"score": "rmse", "tasks": "personalization"}, "--score rmse is of regression tasks"),
        ({"score": "math:pi"}, "'math:pi' is no function"),
        ({"score": "math:nothing"}, "cannot be imported"),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises((BadInput, mf.SettingError), match=words.replace("?", r"\?")):
        mf.Experiment(**{**SMALL, **settings})


@pytest.mark.parametrize(("name", "sign"), [("balanced-accuracy", 1), ("log-loss", -1)])
def test_the_headline_counts_in_place_of_the_familys_own(name, sign):
    settings = {"tasks": "personalization,avatar", "clients": 12, "score": f"accuracy,skill,{name}"}
    plain, headed = run(**settings), run(**settings, headline=name)
    assert headed.manifest["theta_sha256"] == plain.manifest["theta_sha256"]
    own, other = (evaluated(each.clients) for each in (plain, headed))
    assert own.drop("score", "oracle_score").equals(other.drop("score", "oracle_score"))
    mine, theirs = (each.filter(pl.col("family") == "personalization") for each in (own, other))
    np.testing.assert_allclose(mine["score"], mine["accuracy"], atol=1e-6)
    assert (theirs["score"] == sign * theirs[name]).all()
    assert theirs["oracle_score"].null_count() == len(theirs)
    avatar = other.filter(pl.col("family") == "avatar")  # has no such score, and keeps its own
    np.testing.assert_allclose(avatar["score"], avatar["skill"], atol=1e-5)
    assert avatar["score"].equals(own.filter(pl.col("family") == "avatar")["score"])
    last = (pl.col(name) == pl.col(name).max() for name in ("round", "step"))
    unseen = theirs.filter(~pl.col("seen"), *last)
    assert headed.summary.by_family["personalization"].unseen.after.value == pytest.approx(
        float(unseen["score"].mean())
    )
    whole = headed.summary.by_family["personalization"].all
    assert (whole.after.low is not None) == (sign == 1)  # a loss has no lowest score, and these are few clients


def test_of_losses_none_is_called_worse_than_a_constant_and_the_page_names_the_score(tmp_path, capsys):
    flags = "--engine local --clients 12 --rounds 1 --width 8 --eval-every 0 --tasks personalization"
    words = [*flags.split(), "--score", "log-loss", "--headline", "log-loss", "--references", "usual"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "Score: log-loss with its sign turned" in said
    assert "below the 0 of a constant" not in said
    summary = load(tmp_path / "run").summary
    assert summary.raw["references"]["unseen"]["constant"]["all"]["reference"] < 0
    page = load(tmp_path / "run").report().read_text()
    assert "−log-loss" in page
    assert "below the 0 of a constant" not in page


def test_nodes_that_keep_their_rows_cannot_send_them():
    found = [str(each) for each in conflicts([*declared(mf.Experiment(score="auc")), WITHHOLDING])]
    assert any(text.startswith("--score auc cannot be combined with") for text in found)
    assert not conflicts([*declared(mf.Experiment()), WITHHOLDING])


def test_compared_and_exported_numbers_say_of_which_score_they_are(tmp_path, capsys):
    flags = "--engine local --clients 8 --rounds 1 --width 8 --eval-every 0 --tasks personalization,avatar --no-report"
    more = ["--score", "log-loss", "--headline", "log-loss"]
    for name in ("maml", "fomaml"):
        assert main([*flags.split(), *more, "--algorithm", name, "--out", str(tmp_path / name)]) == 0
    assert main([*flags.split(), "--out", str(tmp_path / "plain")]) == 0
    said, runs = "Score: log-loss with its sign turned, of personalization.", [str(tmp_path / "maml")]
    assert capsys.readouterr().out.count(said) == 2
    both = [*runs, str(tmp_path / "fomaml")]
    assert compare(both) == 0
    assert capsys.readouterr().out.count("Score: ") == 1
    assert export([*both, "--out", str(tmp_path / "out")]) == 0
    for name in ("table.tex", "differences.tex"):
        assert f"% {said}\n" in (tmp_path / "out" / name).read_text(encoding="utf-8")
    capsys.readouterr()
    assert compare([str(tmp_path / "plain")]) == 0
    assert "Score: " not in capsys.readouterr().out
