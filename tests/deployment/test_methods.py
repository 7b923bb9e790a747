"""Methods that send or keep other things than θ, in one deployment: two nodes step as one process does."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from metafed.experiment.settings import Experiment
from simulation import HOME
from simulation.deployment.closing import finished_rounds
from simulation.deployment.control import COMPLETED, Control
from simulation.deployment.local import LocalFederation
from simulation.deployment.runs import Watch, run_config
from tests.deployment.joining import join
from tests.integration.pool import run
from tests.methods import smallest

pytestmark = pytest.mark.slow

KINDS = ("fedbabu", "boil", "cavia", "fedala", "scaffold", "ifca", "fedproto", "knn-per", "fedem", "fedfv")
"""What a deployment must carry beside θ: parts that stay, a second vector, several θ, none at all, single updates."""
OTHERS = ("imaml", "apfl", "feddyn", "fednova", "moon", "fedbn", "fedrod", "pefll", "fedmgda+")
PRESETS = ("fedavgm", "fedadam", "fedyogi", "fedavg-ft-head")
METHODS = (*KINDS, *OTHERS, *PRESETS)


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    """Two nodes that have joined, and share what methods need of single clients."""
    with LocalFederation(tmp_path_factory.mktemp("methods") / "federation", 2) as made:
        join(made, 2)
        yield made


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_part_in_a_deployment_and_steps_as_one_process_does(name, federation, tmp_path):
    experiment = Experiment.model_validate({**smallest(name), "rounds": 2, "kernels": "torch"})
    record, log = tmp_path / "record", tmp_path / "log"
    with Control(federation.address, federation.operator) as control:
        run_id = control.submit(HOME, run_config(experiment, record))
        status = Watch(control, run_id, record, log, lambda line: None).until_end(lambda: None)
        assert status.sub_status == COMPLETED, log.read_text()
    assert [line["failed"] for line in finished_rounds(record)] == [[]] * 3
    theta = load_file(record / "checkpoints" / "round-00000002.safetensors")
    for part, vector in run(experiment).items():
        np.testing.assert_allclose(theta[part], vector, rtol=0, atol=1e-5)
