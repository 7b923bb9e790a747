"""Memory does not grow with the population: clients are made when they are needed."""

import subprocess
import sys

import pytest

PEAK = """
import resource, sys
from simulation.run import main
code = main(sys.argv[1:])
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


def peak(out, clients):
    words = [
        "--clients",
        clients,
        "--cohort",
        100,
        "--rounds",
        3,
        "--engine",
        "local",
        "--out",
        out,
        "--eval-clients",
        200,
    ]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, words)], capture_output=True, text=True, check=True, timeout=300
    )
    assert "[3/3]" in done.stdout
    return int(done.stdout.rsplit("peak ", 1)[1])


@pytest.mark.slow
def test_memory_is_that_of_the_cohort_not_of_the_population(tmp_path):
    small, large = peak(tmp_path / "small", 20_000), peak(tmp_path / "large", 1_000_000)
    assert large / small == pytest.approx(1.0, abs=0.1)
