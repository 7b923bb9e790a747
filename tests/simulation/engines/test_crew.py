"""Who of a Ray engine's workers gets which message."""

import pytest
import ray

from simulation.engines.ray import RayGrid

pytestmark = pytest.mark.ray


@pytest.mark.slow
def test_every_round_begins_with_the_workers_in_the_same_order(small):
    grid = RayGrid(small.to_run_config(), workers=3, worker_cpus=0.5)
    try:
        first = list(grid._crew.idle)
        grid._crew.idle.rotate(1)  # as when the first of them is the last to answer
        assert list(grid._crew.idle) != first
        grid.answer([], None)
        assert list(grid._crew.idle) == first
        lost = grid._crew.idle.popleft()
        grid._crew.replace(lost)
        grid._crew.answered(next(iter(grid._crew.asked)))
        grid._crew.idle.rotate(1)
        grid.answer([], None)
        assert list(grid._crew.idle)[:2] == first[1:]  # a new one comes last
        assert lost not in grid._crew.idle
    finally:
        grid.close()


@pytest.mark.slow
def test_a_cluster_that_was_there_before_stays_without_our_workers(small):
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        with pytest.raises(ValueError, match="--ray-address auto: this process is connected to a Ray cluster already"):
            RayGrid(small.to_run_config(), address="auto")
        with pytest.raises(ValueError, match="do not fit 1 CPUs"):
            RayGrid(small.to_run_config(), workers=3)
        grid = RayGrid(small.to_run_config(), workers=1, worker_cpus=0.5)
        worker = grid._crew.idle[0]
        grid.close()
        assert ray.is_initialized()
        with pytest.raises(ray.exceptions.RayActorError):
            ray.get(worker.alive.remote())
    finally:
        ray.shutdown()
