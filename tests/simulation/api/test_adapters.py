"""A client's adapter is loaded by plain transformers and peft, and gives the outputs that the client had."""

import pytest
import torch
from safetensors.torch import load_file

import metafed as mf
from simulation import simulate
from simulation.cli.errors import BadInput
from tests.metafed.data.encoder.tiny import WIDTH, save

ADAPTERS = [
    {"adapter": "lora", "layers": 1, "rank": 2, "tokens": 16},
    {"adapter": "bitfit", "layers": 1, "tokens": 16},
    {"adapter": "prompt", "rank": 2, "tokens": 16},
    {"adapter": "full", "layers": 1, "tokens": 16},
]


@pytest.fixture(scope="module")
def encoder(peft, transformers, tmp_path_factory):
    return save(tmp_path_factory.mktemp("encoder") / "tiny")


def run(small_data, encoder, tmp_path, **settings):
    experiment = mf.Experiment(
        tasks="assistant:clinc150", network="text-encoder", network_settings=settings, encoder=str(encoder),
        data_dir=str(small_data), clients=4, rounds=1, algorithm=mf.Fomaml(inner_steps=2),
    )  # fmt: skip
    return simulate(experiment, engine="local", out=tmp_path / "run", progress=False)


@pytest.mark.parametrize("settings", ADAPTERS, ids=[each["adapter"] for each in ADAPTERS])
def test_plain_peft_gives_the_outputs_of_the_client(small_data, encoder, tmp_path, peft, transformers, settings):
    found, weights = run(small_data, encoder, tmp_path, **settings), (encoder / "model.safetensors").read_bytes()
    folder = found.export_adapter(1, tmp_path / "adapter")
    assert (encoder / "model.safetensors").read_bytes() == weights  # mapped, and never written
    if settings["adapter"] == "full":
        model = transformers.AutoModel.from_pretrained(folder).eval()
    else:
        model = peft.PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(encoder), folder).eval()
    tokenizer, head = transformers.AutoTokenizer.from_pretrained(encoder), load_file(folder / "head.safetensors")
    texts = found.federation.sources[0].texts(found.federation.roster.place(1).number)[:6]
    outputs = []
    for text in texts:
        given = tokenizer(text, truncation=True, max_length=16, return_tensors="pt")
        with torch.no_grad():
            ids, mask = given["input_ids"], given["attention_mask"]
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state[0, -ids.shape[1] :].mean(0)
        outputs.append(head["weight"] @ (WIDTH**0.5 * states / states.norm()) + head["bias"])
    own = mf.Federation(found.experiment)
    state, _ = own.round(own.init(), own.sample(1), 1)
    rows = found.federation.sources[0].examples(found.federation.roster.place(1).number).x[:6]
    expected = torch.from_numpy(own.adapt(state, 1)(rows))
    torch.testing.assert_close(torch.stack(outputs), expected, rtol=1e-4, atol=1e-4)
    # it adapted: θ itself predicts otherwise
    assert (expected - torch.from_numpy(own.adapt(state, 1, steps=0)(rows))).abs().max() > 1e-3
    about = found.manifest["networks"]["assistant"]
    assert about["bytes_sent"] == 4 * about["trained"]
    assert about["bytes_in_full"] > (1 if settings["adapter"] == "full" else 4) * about["bytes_sent"]


def test_what_has_no_adapter_is_one_message(small_data, encoder, tmp_path):
    found = run(small_data, encoder, tmp_path, adapter="none")
    with pytest.raises(BadInput, match="client 1: adapter none trains a head alone"):
        found.export_adapter(1, tmp_path / "adapter")
    with pytest.raises(BadInput, match="client 4: the run has 0 to 3"):
        found.export_adapter(4, tmp_path / "adapter")
