"""Adapting helps people whom meta-training has never seen, in the families assets and social."""

import numpy as np
import pytest

from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from tests.integration.pool import run


@pytest.fixture(scope="module")
def unseen_scores():
    """Scores ``(C, K + 1)`` and best possible scores ``(C,)`` of unseen clients by family."""
    experiment = Experiment(tasks="assets,social", clients=64, unseen=0.5, rounds=60, eval_every=0)
    host = Host(Federation(experiment))
    unseen = list(range(host.roster.seen, experiment.clients))
    answer = host.evaluate(run(experiment), unseen, {})
    assert not answer.failures
    found = {}
    for rows in answer.rows:
        found.setdefault(host.roster.family(rows.client[0]), []).append((rows.score, rows.oracle_score))
    return {f: [np.concatenate(column) for column in zip(*both, strict=True)] for f, both in found.items()}


@pytest.mark.parametrize(("family", "least", "room"), [("assets", 0.05, 0.3), ("social", 0.2, 0.5)])
def test_adaptation_helps_nearly_every_unseen_client(unseen_scores, family, least, room):
    scores, oracle_score = unseen_scores[family]
    gain = scores[:, -1] - scores[:, 0]
    assert len(gain) == 16
    assert (gain > 0).mean() >= 0.8
    assert gain.mean() - 3 * gain.std(ddof=1) / np.sqrt(len(gain)) > least
    # there is more to be had, and no more than there is
    assert 0.02 < (oracle_score - scores[:, -1]).mean() < room
