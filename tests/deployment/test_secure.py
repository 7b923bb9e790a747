"""Secure aggregation among processes that share secrets by Flower's messages alone: sums are those of one process."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.simulation.command.running import command, rounds, run

pytestmark = pytest.mark.slow

SETTINGS = ["--clients", 9, "--rounds", 2, "--tasks", "personalization", "--kernels", "torch"]


def theta(record):
    return load_file(record / "checkpoints" / "round-00000002.safetensors")


def test_a_deployment_adds_masked_sums_up_as_one_process_does(tmp_path):
    secure = ["--secure.aggregation", *SETTINGS]
    deployed = tmp_path / "deployed"
    done = command("--nodes", 3, "--out", deployed, *secure, module="simulation.deploy", timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line["failed"] for line in rounds(deployed)] == [[], [], []]
    ours = run(tmp_path / "local", "--engine", "local", *secure)
    plain = run(tmp_path / "plain", "--engine", "local", *SETTINGS)
    for part, vector in theta(deployed).items():
        np.testing.assert_array_equal(vector, theta(ours)[part])  # another secret, the same sum
        np.testing.assert_allclose(vector, theta(plain)[part], rtol=0, atol=1e-6)
