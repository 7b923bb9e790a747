"""A pretrained encoder, frozen or with an adapter: the same bits by any number of workers, and after a kill."""

import pytest

from metafed.experiment.settings import Experiment
from tests.cases import some
from tests.integration.pool import assert_workers_give_the_bits_of_one_process
from tests.integration.resume.running import bits, resume, start, stops_after
from tests.metafed.data.encoder.tiny import save

ADAPTERS = {
    "none": {"network_settings": {"adapter": "none"}, "algorithm": "maml"},
    "lora": {"network_settings": {"adapter": "lora", "layers": 1, "rank": 2}, "algorithm": "fomaml"},
    "prompt": {"network_settings": {"adapter": "prompt", "rank": 2, "tokens": 16}, "algorithm": "maml"},
}
each_adapter = pytest.mark.parametrize("adapter", some(ADAPTERS, "none"))


@pytest.fixture(scope="module")
def encoder(peft, transformers, tmp_path_factory):
    return save(tmp_path_factory.mktemp("encoder") / "tiny")


def experiment_of(data, encoder, adapter, **settings):
    common = {"tasks": "assistant:clinc150", "clients": 5, "cohort": 3, "chunk": 2, "rounds": 3, "eval_every": 2}
    where = {"network": "text-encoder", "encoder": str(encoder), "data_dir": str(data)}
    return Experiment.model_validate({**common, **where, **ADAPTERS[adapter], **settings})


@each_adapter
def test_a_killed_run_that_goes_on_has_the_same_bits(small_data, encoder, tmp_path, adapter):
    own = experiment_of(small_data, encoder, adapter, rounds=4)
    start(own, tmp_path / "whole")
    start(own, tmp_path / "killed", stops_after(3))
    assert resume(own, tmp_path / "killed") == 2
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_two_workers_give_the_bits_of_one_process(small_data, encoder, workers, adapter):
    assert_workers_give_the_bits_of_one_process(experiment_of(small_data, encoder, adapter), workers)


@pytest.mark.ray
@pytest.mark.slow
def test_three_workers_give_the_bits_of_one_process(small_data, encoder):
    from simulation.engines.ray import RayGrid

    own = experiment_of(small_data, encoder, "lora")
    grid = RayGrid(own.to_run_config(), workers=3, worker_cpus=0.25)
    try:
        assert_workers_give_the_bits_of_one_process(own, grid)
    finally:
        grid.close()
