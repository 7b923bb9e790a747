"""Frozen weights are constants of every host: Ray's workers take them from the driver, other nodes are compared."""

import os

import pytest

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation, hand_on
from server.nodes import GuardStops, guarded
from tests.integration.pool import assert_workers_give_the_bits_of_one_process
from tests.integration.test_objectives import Nodes
from tests.metafed.data.encoder.tiny import save


def experiment_of(data, folder, task, **settings):
    return Experiment(tasks=task, clients=4, rounds=1, data_dir=str(data), encoder=str(folder), **settings)


@pytest.mark.parametrize(
    ("task", "settings", "kept"),
    [
        ("assistant:clinc150", {"network": "text-encoder"}, "encoder and frozen-weights"),
        ("assistant:clinc150", {"network": "text-encoder", "network_settings": {"adapter": "none"}}, "encoder"),
    ],
)
def test_two_nodes_of_other_weights_are_refused(small_data, transformers, peft, tmp_path, task, settings, kept):
    folder = save(tmp_path / "tiny")
    experiment = experiment_of(small_data, folder, task, **settings)
    ours = Federation(experiment)
    assert ours.constants
    hand_on(Federation(experiment))
    guarded(Nodes(experiment.to_run_config(), 2), ours, 60.0)
    save(folder, seed=1)
    hand_on(Federation(experiment))
    with pytest.raises(GuardStops, match=f"node 0: its {kept} of assistant differ from the server's"):
        guarded(Nodes(experiment.to_run_config(), 2), ours, 60.0)


@pytest.mark.ray
@pytest.mark.parametrize("kind", ["Frozen", "Unpicklable"])
def test_rays_workers_have_the_frozen_values_of_this_process(workers, tmp_path, kind):
    # the values are the number of the process that made them: with others the bits would be others
    calls = tmp_path / "calls"
    small = {"tasks": "avatar", "clients": 6, "cohort": 4, "rounds": 2, "chunk": 1}
    own = Experiment(network=f"tests.integration.own_modules:{kind}", network_settings={"calls": str(calls)}, **small)
    assert_workers_give_the_bits_of_one_process(own, workers)
    makers = set(map(int, calls.read_text().split()))
    # what can be pickled is not made by a worker at all
    assert makers == {os.getpid()} if kind == "Frozen" else makers > {os.getpid()}
