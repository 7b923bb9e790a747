"""References are of the run's own evaluation: its clients, its support and query rows, and no others."""

import numpy as np
import pytest

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.references.evaluating import episodes, evaluated, ground_of


def made(**settings):
    return Federation(Experiment(clients=12, tasks="personalization,avatar", width=4, precision="float64", **settings))


def test_a_constant_is_that_of_the_support_rows_and_scored_on_the_query_rows_of_the_evaluation():
    federation = made()
    found = {row.client: row for row in evaluated(federation, ["constant"]).rows}
    assert sorted(found) == federation.roster.evaluated()
    for client in found:
        draw = federation.population.evaluation([client])
        y, rows = draw.examples[0].y, draw.rows[0]
        if federation.roster.family(client) == "personalization":
            classes, times = np.unique(y[rows.support], return_counts=True)
            wanted = (y[rows.query] == classes[times.argmax()]).mean()
        else:
            y = y.astype(np.float64)
            wrong = ((y[rows.query] - y[rows.support].mean(0)) ** 2).mean()
            wanted = 1 - wrong / ((y[rows.query] - y[rows.query].mean(0)) ** 2).mean()
        assert found[client].score == pytest.approx(wanted, abs=1e-12)


def test_what_a_client_chooses_by_is_none_of_its_evaluation_rows():
    federation = made()
    clients = [client for client in range(12) if federation.roster.family(client) == "avatar"]
    choosing = episodes(federation, clients)
    for place, client in enumerate(clients):
        own, training, evaluation, _ = federation.population.split(client)
        assert not set(training.rows) & set(evaluation.rows)
        allowed = {own.x[row].astype(np.float64).tobytes() for row in training.rows}
        for batch in choosing:
            rows = batch.x[place][batch.mask[place] > 0].numpy()
            assert len(rows)
            assert {row.tobytes() for row in rows} <= allowed


@pytest.mark.parametrize("validation", [0.0, 0.2])
def test_the_pool_is_of_seen_clients_and_chosen_by_others(validation):
    federation = made(validation=validation)
    roster, population = federation.roster, federation.population
    ground = ground_of(federation, "avatar", [])

    def rows(clients):
        own = [(s.own.x, s.training.rows) for s in map(population.split, clients)]
        return {x[row].astype(np.float64).tobytes() for x, chosen in own for row in chosen}

    def there(batch):
        return {row.tobytes() for row in batch.x[0].numpy()}

    of_family = [client for client in range(12) if roster.family(client) == "avatar"]
    assert there(ground.everyone) == rows([client for client in of_family if client < roster.seen])
    assert not there(ground.rows) & there(ground.held)
    choosing = [client for client in of_family if roster.validates(client)]
    if validation:
        assert there(ground.held) == rows(choosing)
        assert there(ground.rows) == there(ground.everyone)
    else:
        assert there(ground.rows) | there(ground.held) == there(ground.everyone)
    unseen = [client for client in of_family if client >= roster.tested]
    assert not (there(ground.everyone) | there(ground.held)) & rows(unseen)


def test_who_cannot_be_read_costs_nobody_else_anything(monkeypatch):
    federation = made()
    split, lost = federation.population.split, (0, 11)

    def broken(client):
        if client in lost:
            raise OSError("gone")
        return split(client)

    monkeypatch.setattr(federation.population, "split", broken)
    found = evaluated(federation, ["constant"])
    assert sorted(row.client for row in found.rows) == list(range(1, 11))
    assert found.unread == [0]


@pytest.mark.slow
def test_chunks_change_nothing_but_rounding():
    one = evaluated(made(chunk=1), ["nearest", "pooled"])
    other = evaluated(made(chunk=5), ["nearest", "pooled"])
    assert [row[:2] for row in sorted(one.rows)] == [row[:2] for row in sorted(other.rows)]
    np.testing.assert_allclose(
        [row.score for row in sorted(one.rows)], [row.score for row in sorted(other.rows)], rtol=0, atol=1e-12
    )


def test_policies_have_no_references():
    federation = Federation(Experiment(clients=4, tasks="environment:navigation", width=4))
    found = evaluated(federation, ["constant"])
    assert found.rows == []
    assert "policy" in found.undefined["constant"]["environment"]
