"""Faults against real Ray: workers that are killed, a node that is lost, clients that hang; no round is lost."""

import os
import signal
from contextlib import suppress

import numpy as np
import psutil
import pytest
import ray

from metafed.experiment.settings import Experiment
from server.asking import record
from simulation.engines.ray import RayGrid
from tests.integration.faults.test_federation import having
from tests.integration.pool import initial, run, strategy_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def personal(fair):
    """Clients keep states of their own, and four chunks make a round."""
    return Experiment.model_validate({**fair.model_dump(), "algorithm": "ditto", "chunk": 3, "eval_every": 1})


def on_ray(experiment, observe=lambda finished: None, timeout=300, **how):
    """Return θ and the finished rounds."""
    finished = []

    def watch(one):
        finished.append(one)
        observe(one)

    grid = RayGrid(experiment.to_run_config(), **{"workers": 2, "worker_cpus": 0.5, **how})
    try:
        ray.get([worker.alive.remote() for worker in grid._crew.idle])  # a slow start is no hang
        strategy, theta = strategy_of(experiment, watch), record(initial(experiment))
        strategy.evaluate_first(grid, theta, timeout)
        strategy.start(grid, theta, num_rounds=experiment.rounds, timeout=timeout)
    finally:
        grid.close()
    return strategy.outer.theta, finished


def same(found, expected):
    (theta, rounds), (whole, others) = found, expected
    for part, vector in whole.items():
        np.testing.assert_array_equal(theta[part], vector)
    for mine, theirs in zip(rounds, others, strict=True):
        assert mine.failures == theirs.failures == []
        assert list(mine.halved) == []
        for left, right in zip([*mine.training, *mine.evaluation], [*theirs.training, *theirs.evaluation], strict=True):
            np.testing.assert_array_equal(left.client, right.client)
            np.testing.assert_array_equal(left.loss, right.loss)
            np.testing.assert_array_equal(left.score, right.score)


def test_workers_that_are_killed_with_their_chunks_do_not_show_in_any_bit(personal):
    others = []
    whole = run(personal, observe=others.append)
    lossy = having(personal, {"kind": "worker", "clients": [0, 4, 8], "first": 2})
    theta, rounds = on_ray(lossy)
    assert [len(one.notes["faults"]) for one in rounds[1:]] == [0, 3, 3]
    same((theta, rounds), (whole, others))


def test_workers_that_are_killed_between_rounds_do_not_show_in_any_bit(personal):
    others = []
    whole = run(personal, observe=others.append)

    def kill(finished):
        if finished.number in (1, 2):
            mine = psutil.Process().children(recursive=True)
            for process in mine:
                with suppress(psutil.NoSuchProcess):  # one that ended meanwhile, or is not reaped yet
                    if "ray::Worker" in " ".join(process.cmdline()[:1]):
                        os.kill(process.pid, signal.SIGKILL)

    same(on_ray(personal, kill), (whole, others))


def test_a_lost_node_does_not_show_in_any_bit(personal):
    from ray.cluster_utils import Cluster

    others = []
    whole = run(personal, observe=others.append)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        second = cluster.add_node(num_cpus=1)

        def lose(finished):
            if finished.number == 1:
                cluster.remove_node(second)

        found = on_ray(personal, lose, address=cluster.address, workers=2, worker_cpus=1)
    finally:
        cluster.shutdown()
    same(found, (whole, others))


def test_a_client_that_really_hangs_costs_itself_once_the_round_is_out_of_time(fair):
    hanging = having(fair, {"kind": "hang", "clients": [3], "seconds": 3600, "first": 2, "last": 2}, chunk=1)
    _, rounds = on_ray(hanging, timeout=40)
    assert [[failure.client for failure in one.failures] for one in rounds] == [[], [], [3], []]
    assert rounds[2].failures[0].reason == "no answer in time"
    trained = {int(c) for rows in rounds[2].training for c in rows.client}
    assert trained == set(range(10)) - {3}


def test_what_clients_send_wrong_is_the_same_by_workers_as_in_process(fair):
    wrong = having(
        fair,
        {"kind": "nan", "clients": [1]},
        {"kind": "shape", "clients": [2]},
        {"kind": "stale", "clients": [3], "strength": 1},
        {"kind": "alie", "clients": [4, 5]},
        {"kind": "random", "clients": [6]},
    )
    others = []
    whole = run(wrong, observe=others.append)
    theta, rounds = on_ray(wrong)
    for part, vector in whole.items():
        np.testing.assert_array_equal(theta[part], vector)
    assert [one.failures for one in rounds] == [one.failures for one in others]
    assert [failure.client for failure in rounds[1].failures] == [1, 2]
