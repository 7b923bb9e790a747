"""Who of a Ray engine's workers gets which message."""

import pytest

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
