"""Law 2: what a client draws depends on its own data alone, not on who is in its chunk."""

import numpy as np
import pytest

from client.host import Host
from metafed.core.draws import ROW_BITS, sortable
from metafed.experiment.settings import Experiment
from metafed.families.personalization import Generated
from metafed.federation.federation import Federation

CLIENTS, LARGE = 5, 2
MANY = 2 * 2**ROW_BITS + 10


@pytest.fixture(autouse=True)
def _one_has_many_rows(monkeypatch):
    examples = Generated.examples

    def made(source, client):
        own = examples(source, client)
        if client != LARGE:
            return own
        rows = np.arange(MANY) % len(own.y)
        return own._replace(x=own.x[rows], y=own.y[rows], oracle_score=own.oracle_score[rows])

    monkeypatch.setattr(Generated, "examples", made)


def federation(chunk):
    how = {"unseen": 0, "chunk": chunk, "width": 8, "precision": "float64", "kernels": "torch"}
    return Federation(Experiment(tasks="personalization", clients=CLIENTS, **how))


def trained(made, nodes):
    """Return each client's loss, and the sum of all updates, where the clients are dealt to so many nodes."""
    losses, total = {}, 0.0
    for node in range(nodes):
        answer = Host(made).train(made.vectors, list(range(node, CLIENTS, nodes)), 1, {})
        assert not answer.failures
        losses |= {int(c): float(loss) for r in answer.rows for c, (loss,) in zip(r.client, r.loss, strict=True)}
        total = total + answer.contribution.directions["trunk"]
    return losses, total


def test_a_client_with_many_rows_does_not_change_what_its_chunk_mates_draw():
    population = federation("auto").population
    small = [sortable(population.split(client).training) for client in range(CLIENTS)]
    assert small == [client != LARGE for client in range(CLIENTS)]
    together = population.training(list(range(CLIENTS)), 1)
    for client, rows in enumerate(together.rows):
        alone = population.training([client], 1).rows[0]
        assert [half.tolist() for half in alone] == [half.tolist() for half in rows]
        assert len(set(np.concatenate(rows).tolist())) == sum(map(len, rows))


def test_chunks_of_one_and_three_and_a_deployment_train_alike():
    losses, total = trained(federation(1), 1)
    for chunk, nodes in ((3, 1), ("auto", 1), ("auto", 2)):
        others, whole = trained(federation(chunk), nodes)
        assert others == losses
        np.testing.assert_allclose(whole, total, rtol=1e-12, atol=1e-15)
