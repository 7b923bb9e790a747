"""Settings reach the nodes whole: what the app's run config lacks travels as one text."""

from pathlib import Path

import pytest

from metafed.algorithms import ALGORITHMS
from metafed.experiment.settings import Experiment, flatten_config
from simulation.deployment.bundle import project
from simulation.deployment.runs import run_config

DECLARED = flatten_config(project()[1]["tool"]["flwr"]["app"]["config"])


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_survives_the_way(name):
    tasks = "sinusoid" if "regression" in ALGORITHMS[name].kinds else "assistant"
    experiment = Experiment(algorithm={"name": name}, tasks=tasks, clients=7, unseen=0.0, kernels="torch")
    sent = run_config(experiment, Path("/records/x"), 60.0)
    assert set(sent) <= set(DECLARED)  # Flower refuses others
    own = {"out": "/records/x", "resume": False, "round-timeout": 60.0, "min-nodes": 0}
    assert {key: sent.pop(key) for key in own} == own
    received = {**{key: value for key, value in DECLARED.items() if key not in own}, **sent}
    assert Experiment.from_run_config(received) == experiment


def test_every_setting_of_a_run_has_a_key_there():
    """Flower would refuse the others as soon as somebody sets one."""
    assert {name.replace("_", "-") for name in Experiment.model_fields} <= {key.partition(".")[0] for key in DECLARED}
