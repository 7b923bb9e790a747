"""The benchmark of kills, in small: real processes, SIGKILL at drawn instants, every bit compared."""

import pytest

from tests.simulation.command.running import command


@pytest.mark.slow
def test_three_runs_killed_at_random_instants_end_with_the_bits_of_runs_that_were_not():
    done = command("--times", 3, "--engines", "local", "--seed", 5, module="benchmarks.kill_and_resume", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 bit-identical; " in done.stdout
