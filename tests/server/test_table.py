"""The rows of ``clients.parquet``: what is unknown is null, what is no number stays one."""

import numpy as np

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.messages.packing import Rows
from server.record.client_rows import table


def rows(clients, steps=(0, 2), name=(), **changed):
    count, width = len(clients), len(steps)
    values = np.arange(count * width, dtype=np.float64).reshape(count, width)
    given = {"loss": values, "score": values / 100, "oracle_score": np.full(count, 0.9), **changed}
    sizes = np.arange(count * 3).reshape(count, 3)
    return Rows(np.array(clients), np.array(steps), sizes=sizes, group=["g"] * count, name=name, **given)


def federation(**settings):
    return Federation(Experiment(tasks="avatar,environment", clients=10, unseen=0.2, **settings))


def test_a_row_a_client_and_step_in_the_order_of_the_tables():
    found = table("train", 3, [rows([0, 3]), rows([1], steps=(5,))], federation())
    assert found.select("client", "step").rows() == [(0, 0), (0, 2), (3, 0), (3, 2), (1, 5)]
    assert found["family"].to_list() == ["avatar"] * 4 + ["environment"]
    assert found["loss"].to_list() == [0.0, 1.0, 2.0, 3.0, 0.0]
    assert (found["round"].unique().to_list(), found["name"].null_count()) == ([3], 5)
    assert found.select("n", "support", "query").row(2) == (3, 4, 5)


def test_a_score_is_undefined_where_the_loss_is_not_and_no_number_where_the_client_diverged():
    nan, inf = np.nan, np.inf
    one = rows([0, 3], loss=np.array([[1.0, 2.0], [inf, nan]]), score=np.full((2, 2), nan))
    found = table("train", 1, [one], federation())
    assert found["score"].to_list()[:2] == [None, None]
    assert found["score"].is_nan().to_list()[2:] == [True, True]
    assert table("train", 1, [rows([0], oracle_score=np.array([nan]))], federation())["oracle_score"][0] is None


def test_validation_clients_and_unseen_ones_are_marked_in_evaluation_alone():
    people = federation(validation=0.2)
    everyone = [rows(members, steps=(1,)) for _, members in people.roster.by_family(range(10))]
    for phase, validating in (("evaluate", [6, 7]), ("train", [])):
        found = table(phase, 1, everyone, people).sort("client")
        assert found.filter(phase="validation")["client"].to_list() == validating
        assert found.filter("seen")["client"].to_list() == list(range(6))


def test_an_empty_name_is_none():
    found = table("train", 1, [rows([0, 3], steps=(1,), name=["ann", ""])], federation())
    assert found["name"].to_list() == ["ann", None]
