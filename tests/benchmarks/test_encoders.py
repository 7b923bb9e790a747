"""Rounds of a pretrained encoder and of an MLP in turn; and the time of one step."""

import pytest
import torch

from benchmarks import encoders, latency
from metafed.experiment.settings import Experiment
from metafed.models.module import ModuleNetwork
from tests.metafed.data.encoder.tiny import save


def test_contenders_take_turns_and_padding_is_left_out_again(small_data, peft, transformers, tmp_path, monkeypatch):
    threads, skips, seen = torch.get_num_threads(), ModuleNetwork.skips, []
    one = ModuleNetwork._clients

    def noted(self, run, own, x):
        seen.append(x.shape[-1])
        return one(self, run, own, x)

    monkeypatch.setattr(ModuleNetwork, "_clients", noted)
    options = encoders.Options(
        data_dir=str(small_data),
        encoder=str(save(tmp_path / "tiny")),
        clients=2,
        rounds=1,
        contenders="lora-padded,mlp",
    )
    found = encoders.measure(options)
    torch.set_num_threads(threads)
    assert {name: len(times) for name, times in found.items()} == {"lora-padded": 2, "mlp": 2}
    assert all(seconds > 0 for times in found.values() for seconds in times)
    assert ModuleNetwork.skips is skips
    assert set(seen[-2:]) == {max(seen)}


def test_an_unknown_contender_is_one_message():
    with pytest.raises(ValueError, match="unknown contender 'lorra'; did you mean 'lora'"):
        encoders.measure(encoders.Options(contenders="lorra"))


@pytest.mark.parametrize("network", ["auto", "gru"])
def test_a_step_has_two_times(network):
    found = latency.steps(Experiment(tasks="avatar", clients=2, network=network), 3)
    assert found.shape == (3, 2)
    assert (found > 0).all()


def test_a_line_says_median_and_the_99th_percentile():
    seconds = torch.linspace(0.001, 0.012, 100).repeat(2, 1).T.numpy()
    assert latency.line("gru", seconds) == (
        "gru          clock median  6.500 ms, 99 % within 11.890 ms; processor median  6.500 ms, 99 % within 11.890 ms;"
        " 8.0% later than 11 ms"
    )
