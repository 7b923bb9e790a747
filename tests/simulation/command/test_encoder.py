"""``--encoder`` reads something, its weights are in the record, and a run does not go on with others."""

import pytest

from simulation.run import main
from tests.metafed.data.encoder.tiny import save
from tests.simulation.command.running import manifest

SMALL = "--clients 6 --rounds 1 --eval-every 0 --engine local --quiet --no-report"
TASK = "assistant:clinc150"
FROZEN = "--network text-encoder --network.adapter none"


def test_an_encoder_that_reads_nothing_is_refused(tmp_path, capsys):
    assert main([*SMALL.split(), "--tasks", "avatar", "--encoder", "x", "--out", str(tmp_path / "run")]) == 2
    assert "--encoder x does nothing: no network is text-encoder" in capsys.readouterr().err


@pytest.fixture
def record(small_data, transformers, tmp_path):
    """A run of two rounds' data and its encoder's folder."""
    words = ["--tasks", TASK, *FROZEN.split(), "--data-dir", str(small_data), "--encoder", str(save(tmp_path / "tiny"))]
    assert main([*SMALL.split(), *words, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_weights(record, tmp_path, capsys):
    names = {name.rpartition("/")[2] for name in manifest(record)["data"][TASK]["files"]}
    assert names == {"clinc150.parquet", "model.safetensors", "config.json", "tokenizer.json"}
    other = save(tmp_path / "other", seed=1)
    again = ["--resume", str(record), "--rounds", "2", "--quiet"]
    assert main([*again, "--encoder", str(other)]) == 2
    assert f"the data are not those that the run began with: {TASK}/model.safetensors" in capsys.readouterr().err
    assert main(again) == 0
