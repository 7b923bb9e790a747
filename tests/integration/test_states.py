"""Personal state follows its client: whoever runs it next, under every engine, and nobody else pays for it."""

import numpy as np
import pytest

from metafed.experiment.settings import Experiment
from simulation.engines.local import LocalGrid
from simulation.engines.ray import RayGrid
from tests.integration.pool import run as run_federation
from tests.simulation.command.running import clients, run, sha

PERSONAL = ("ditto", "apfl", "fedala", "moon", "fedper", "fedrep", "local")


@pytest.mark.parametrize("name", PERSONAL)
def test_only_trained_clients_have_a_state(small, name):
    experiment = Experiment.model_validate({**small.model_dump(), "algorithm": name, "cohort": 3, "clients": 40})
    grid, rounds = LocalGrid(experiment.to_run_config()), []
    run_federation(experiment, grid, rounds.append)
    trained = {int(c) for finished in rounds for rows in finished.training for c in rows.client}
    grid.states.mark(experiment.rounds)
    kept = set(grid.states.marked()[1])
    assert kept == trained
    assert len(trained) <= 6


@pytest.mark.ray
@pytest.mark.slow
def test_any_worker_goes_on_from_the_state_that_another_left(small):
    experiment = Experiment.model_validate({**small.model_dump(), "algorithm": "ditto", "rounds": 4, "chunk": 1})
    rounds = {"local": [], "ray": []}
    local = run_federation(experiment, LocalGrid(experiment.to_run_config()), rounds["local"].append)
    grid = RayGrid(experiment.to_run_config(), workers=3, worker_cpus=0.5)
    try:
        ray = run_federation(experiment, grid, rounds["ray"].append)
    finally:
        grid.close()
    for part, vector in local.items():
        np.testing.assert_array_equal(vector, ray[part])
    for left, right in zip(rounds["local"], rounds["ray"], strict=True):
        for mine, theirs in zip(left.evaluation, right.evaluation, strict=True):
            np.testing.assert_array_equal(mine.score, theirs.score)


def test_personalization_by_state_shows_in_the_record(tmp_path):
    words = ("--clients", 12, "--rounds", 6, "--tasks", "assistant", "--algorithm", "fedrep", "--engine", "local")
    folder = run(tmp_path / "one", *words)
    assert sha(folder) == sha(run(tmp_path / "two", *words))
    after = clients(folder).filter(phase="evaluate", round=6, step=0)
    seen, unseen = (after.filter(seen=kind)["score"].mean() for kind in (True, False))
    assert seen > unseen + 0.1  # a seen client has a head of its own before it adapts
