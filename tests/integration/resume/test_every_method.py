"""Every method from end to end: in one process, killed, gone on with by Ray's workers, and as the literal command."""

import pytest

from metafed.experiment.settings import Experiment
from tests.cases import some
from tests.integration.resume.running import bits, resume, start, stops_after
from tests.methods import METHODS, smallest
from tests.simulation.command.running import command, rounds, run


@pytest.mark.ray
@pytest.mark.parametrize("name", some(METHODS, "scaffold", "fedproto"))
def test_a_method_killed_in_one_process_goes_on_by_workers_to_the_same_bits(name, tmp_path, workers):
    experiment = Experiment.model_validate(smallest(name))
    start(experiment, tmp_path / "whole")
    start(experiment, tmp_path / "killed", stops_after(3))
    workers.turn(experiment.to_run_config())
    assert resume(experiment, tmp_path / "killed", grid=workers) == 2
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_command_runs_every_method_and_goes_on_with_it(name, tmp_path):
    words = [word for key, value in smallest(name).items() for word in (f"--{key.replace('_', '-')}", value)]
    whole = run(tmp_path / "whole", "--engine", "local", *words)
    assert [line["failed"] for line in rounds(whole)] == [[]] * 5
    part = run(tmp_path / "part", "--engine", "local", *words, "--rounds", 2)
    done = command("--resume", part, "--rounds", 4, "--no-report")
    assert done.returncode == 0, done.stderr
    assert bits(part) == bits(whole)
