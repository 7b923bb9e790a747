"""Kept predictions: they give the scores of the record again, change nothing else, and leave no node of others."""

import numpy as np
import polars as pl
import pytest

import metafed as mf
from client.host import Host
from client.sharing import answered
from metafed.core.traits import conflicts
from metafed.experiment.rules.declared import WITHHOLDING, declared
from metafed.federation.federation import Federation
from metafed.scores import SCORES
from server.hosts import discover
from server.nodes import RowsNeeded, guarded
from simulation import BadInput, simulate
from simulation.deployment.plan import parse
from simulation.engines.local import LocalGrid
from tests.deployment.test_sharing import context
from tests.integration.test_objectives import Nodes

SMALL = {"clients": 8, "rounds": 1, "width": 8, "eval_every": 0, "validation": 0.2}


def run(**settings):
    return simulate(mf.Experiment(**{**SMALL, **settings}), engine="local", progress=False)


@pytest.fixture(scope="module")
def kept():
    return run(tasks="personalization,avatar", score=["log-loss", "ece", "rmse"], keep_predictions=True)


def test_scores_are_those_of_the_predictions(kept):
    found = kept.predictions
    steps = kept.clients.filter(pl.col("phase") != "train")
    ends = steps.filter((pl.col("step") == 0) | (pl.col("step") == steps["step"].max()))
    assert len(ends) == 2 * 2 * 8  # before and after, in two rounds
    for row in ends.iter_rows(named=True):
        own = found.filter(round=row["round"], client=row["client"], adapted=row["step"] > 0)
        assert len(own) == row["query"]
        assert set(own["family"]) == {row["family"]}
        assert own["row"].is_unique().all()
        assert own["row"].max() < row["n"]
        part = "validation" if row["phase"] == "validation" else "seen" if row["seen"] else "unseen"
        assert set(own["part"]) == {part}
        if row["family"] == "personalization":
            assert own["target_values"].null_count() == len(own)
            assert row["score"] == pytest.approx((own["target"] == own["prediction"]).mean(), abs=1e-7)
            probabilities = np.array(own["probabilities"].to_list())
            for name in ("log-loss", "ece"):
                assert SCORES[name][1](own["target"].to_numpy(), probabilities) == row[name]
        else:
            assert own["target"].null_count() == own["probabilities"].null_count() == len(own)
            target, value = (np.array(own[name].to_list()) for name in ("target_values", "predicted_values"))
            assert SCORES["rmse"][1](target, value) == row["rmse"]


def test_they_change_nothing_else_and_are_there_only_if_asked_for(kept):
    plain = run(tasks="personalization,avatar", score=["log-loss", "ece", "rmse"])
    assert plain.theta_sha256 == kept.theta_sha256
    assert plain.clients.equals(kept.clients)
    assert not list(plain.folder.glob("*predictions*"))
    with pytest.raises(BadInput, match="kept no predictions; start it with keep_predictions=True"):
        _ = plain.predictions


def test_what_has_diverged_is_null():
    settings = {"algorithm": mf.Maml(inner_lr=1e30), "rounds": 0, "keep_predictions": True}
    found = run(tasks="personalization,avatar", **settings).predictions
    for column, family in (("prediction", "personalization"), ("predicted_values", "avatar")):
        own = found.filter(pl.col("family") == family, pl.col("adapted"))
        assert own[column].null_count() > 0
    before = found.filter(~pl.col("adapted"))
    assert (before["prediction"].is_null() == (before["family"] == "avatar")).all()


def test_verify_compares_them(kept):
    assert kept.verify() is None
    path = kept.folder / "predictions.parquet"
    whole = path.read_bytes()
    pl.read_parquet(path).with_columns(row=pl.col("row") + (pl.col("client") == 3)).write_parquet(path)
    try:
        assert "client 3: predictions.parquet: row is" in kept.verify()
        path.unlink()
        with pytest.raises(BadInput, match=r"predictions.parquet: is missing, and with it those of finished rounds"):
            kept.verify()
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"secure": mf.Secure(aggregation=True)}, "cannot be combined with --secure.aggregation: it needs targets and"),
        ({"privacy": mf.Privacy(noise=1.0, clip=1.0)}, "cannot be combined with --privacy.noise or"),
        ({"tasks": "environment:navigation"}, "--keep-predictions does nothing: the families of --tasks are control"),
    ],
)
def test_where_rows_must_not_be_seen_it_is_refused(settings, words):
    given = {"tasks": "personalization", "outer_optimizer": "sgd", "outer_lr": 1.0, "validation": 0, **settings}
    with pytest.raises((BadInput, mf.SettingError), match=words):
        run(**given, clients=100, cohort=50, keep_predictions=True)


def test_a_deployment_refuses_them():
    with pytest.raises(BadInput, match="--keep-predictions: rows are withheld in a deployment"):
        parse(["--keep-predictions"])
    asking = [*declared(mf.Experiment(keep_predictions=True)), WITHHOLDING]
    assert any(str(each).startswith("--keep-predictions cannot be combined") for each in conflicts(asking))


@pytest.mark.parametrize("willing", [{}, {"share-predictions": True}])
def test_nodes_of_a_deployment_send_none_whatever_a_server_asks_for(willing):
    experiment = mf.Experiment(tasks="personalization", clients=6, width=4, unseen=0, keep_predictions=True)
    nodes = Nodes(experiment.to_run_config(), 3, **{"share-client-rows": True}, **willing)
    with pytest.raises(RowsNeeded, match=r"rows are withheld: no predictions for single rows leave the nodes \[0, 1"):
        guarded(nodes, Federation(experiment), 10)
    assert not any(answer.share_predictions for _, answer in discover(nodes, 10).answering)


def test_our_engines_send_them():
    experiment = mf.Experiment(tasks="personalization", clients=6, width=4)
    grid = LocalGrid(experiment.to_run_config())
    assert all(answer.share_predictions for _, answer in discover(grid, 10).answering)


def test_an_answer_of_another_node_has_lost_them():
    federation = Federation(mf.Experiment(tasks="personalization", clients=6, width=4, keep_predictions=True))
    host = Host(federation)
    whole = host.evaluate(federation.vectors, [0, 1], {})
    assert all(rows.predictions is not None for rows in whole.rows)
    deployed = {"partition-id": 0, "num-partitions": 2, "share-client-rows": True, "share-predictions": True}
    for node in (deployed, {"share-client-rows": True}):
        kept = answered(whole, host.roster, context(**node))
        assert [rows.predictions for rows in kept.rows] == [None] * len(kept.rows)
        assert kept.rows[0].loss is whole.rows[0].loss
