"""Adapting helps people whom meta-training has never seen, in every family, on the whole path."""

import numpy as np
import pytest

from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from tests.integration.pool import run


@pytest.fixture(scope="module")
def unseen_scores():
    """Scores ``(C, K + 1)`` of unseen clients by family."""
    experiment = Experiment(clients=72, unseen=0.5, rounds=60, eval_every=0, eval_clients=36)
    host = Host(Federation(experiment))
    unseen = list(range(host.roster.seen, experiment.clients))
    answer = host.evaluate(run(experiment), unseen, {})
    assert not answer.failures
    found = {}
    for rows in answer.rows:
        found.setdefault(host.roster.family(rows.client[0]), []).append((rows.score, rows.oracle_score))
    return {f: [np.concatenate(column) for column in zip(*both, strict=True)] for f, both in found.items()}


@pytest.mark.parametrize("family", ["personalization", "assistant", "avatar"])
def test_adaptation_helps_nearly_every_unseen_client(unseen_scores, family):
    scores, oracle_score = unseen_scores[family]
    gain = scores[:, -1] - scores[:, 0]
    assert len(gain) >= 6
    assert (gain > 0).mean() >= 0.85
    assert gain.mean() - 3 * gain.std(ddof=1) / np.sqrt(len(gain)) > 0.1
    assert scores[:, 0].mean() > -0.5
    # there is more to be had, and no more than there is
    assert 0.02 < (oracle_score - scores[:, -1]).mean() < 0.4
