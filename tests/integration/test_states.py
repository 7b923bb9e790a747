"""Personal state follows its client: whoever runs it next, under every engine, and nobody else pays for it."""

import pytest

from metafed.experiment.settings import Experiment
from simulation.engines.local import LocalGrid
from tests.integration.pool import assert_workers_give_the_bits_of_one_process
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
def test_any_worker_goes_on_from_the_state_that_another_left(small, workers):
    changed = {"algorithm": "ditto", "rounds": 4, "chunk": 1}
    assert_workers_give_the_bits_of_one_process(Experiment.model_validate(small.model_dump() | changed), workers)


def test_personalization_by_state_shows_in_the_record(tmp_path):
    words = ("--clients", 12, "--rounds", 6, "--tasks", "assistant", "--algorithm", "fedrep", "--engine", "local")
    folder = run(tmp_path / "one", *words)
    assert sha(folder) == sha(run(tmp_path / "two", *words))
    after = clients(folder).filter(phase="evaluate", round=6, step=0)
    seen, unseen = (after.filter(seen=kind)["score"].mean() for kind in (True, False))
    assert seen > unseen + 0.1  # a seen client has a head of its own before it adapts
