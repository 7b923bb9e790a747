"""``--network text-encoder``: θ is adapter and head, frozen layers are computed once, bad settings are one message."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metafed.algorithms import Fomaml
from metafed.core.errors import DataError
from metafed.core.parameters import Params
from metafed.data.encoder import texts as reading
from metafed.data.encoder.network import TextEncoder
from metafed.data.encoder.texts import Reader
from metafed.data.encoder.vectors import vectors
from metafed.data.encoder.weights import find
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.timing import work_of
from metafed.models.making import make
from metafed.models.module import ModuleNetwork
from tests.metafed.data.encoder.tiny import WIDTH, save

TEXTS = ["a", "bad cab", "", "jig", "high bid"]
SMALL = {"rank": 2, "tokens": 12}
KINDS = [
    {"adapter": "lora", "layers": 1, **SMALL},
    {"adapter": "lora", "layers": 2, **SMALL},
    {"adapter": "bitfit", "tokens": 12},
    {"adapter": "prompt", **SMALL},
    {"adapter": "full", "layers": 1, "tokens": 12},
]


@pytest.fixture(scope="module")
def folder(peft, transformers, tmp_path_factory):
    return save(tmp_path_factory.mktemp("data") / "encoder")


def network_of(folder, dtype=torch.float32, **settings):
    """Return the network and the reader of its rows, with parameters beside where they begin."""
    reader = TextEncoder.reader(find(str(folder), ()), **settings)
    network = make(TextEncoder, "assistant", reader.inputs, 3, {"reader": reader}, 0, dtype)
    generator = torch.Generator().manual_seed(1)
    own = {n: v + 0.1 * torch.randn(v.shape, generator=generator, dtype=dtype) for n, v in network.initial.items()}
    return network, reader, own


def plainly(folder, transformers, network, own: Params, texts):
    """Return the outputs by a whole BERT whose weights hold the adapter, text by text and without padding."""
    whole = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").eval()
    values = {network.paths[name]: value for name, value in own.items()}
    adapter = network.module.adapter
    for layer in range(adapter.frozen, adapter.depth):
        for name, value in whole.encoder.layer[layer].named_parameters():
            start = f"encoder.layer.{layer - adapter.frozen}."
            if start + name in values:
                value.data = values[start + name]
            matrices = [f"{start}{name.removesuffix('.weight')}.lora_{side}.default.weight" for side in "BA"]
            if matrices[0] in values:
                value.data = value.data + values[matrices[0]] @ values[matrices[1]]
    tokenizer, found = transformers.AutoTokenizer.from_pretrained(folder), []
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=12, return_tensors="pt")["input_ids"]
        words = whole.embeddings.word_embeddings(ids)
        prompt = values.get("prompt", torch.empty(0, WIDTH))
        states = whole(inputs_embeds=torch.cat([prompt[None], words], 1)).last_hidden_state[0, len(prompt) :].mean(0)
        vector = WIDTH**0.5 * states / states.norm()
        found.append(values["head.weight"] @ vector + values["head.bias"])
    return torch.stack(found)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_outputs_are_those_of_a_whole_encoder_with_the_adapter(folder, transformers, settings):
    network, reader, own = network_of(folder, **settings)
    x = torch.from_numpy(reader.rows(TEXTS))
    with torch.no_grad():
        expected = plainly(folder, transformers, network, own, TEXTS)
        found = network.predict({n: torch.stack([v, v]) for n, v in own.items()}, torch.stack([x, x]))
    assert network.vectorized
    torch.testing.assert_close(found[0], expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        ({"adapter": "none"}, {"head"}),
        (KINDS[0], {"head", "lora_A", "lora_B"}),
        (KINDS[2], {"head", "bias"}),
        (KINDS[3], {"head", "prompt"}),
        (KINDS[4], {"head", "layer"}),
    ],
    ids=["none", "lora", "bitfit", "prompt", "full"],
)
def test_theta_is_adapter_and_head(folder, settings, trained):
    network, *_ = network_of(folder, **settings)
    words = {word for path in network.paths.values() for word in path.split(".")}
    assert trained <= words
    assert all(trained & set(path.split(".")) for path in network.paths.values())


def test_with_the_head_alone_rows_are_the_vectors_of_the_encoder_sets(folder):
    made = find(str(folder), ())
    rows = TextEncoder.reader(made, adapter="none").rows(TEXTS)
    np.testing.assert_array_equal(rows, np.float32(np.sqrt(WIDTH)) * vectors(made).of(TEXTS))


@pytest.mark.parametrize("room", [2**20, 1])
def test_frozen_layers_are_computed_once_a_text_and_rows_are_the_same_bits(folder, monkeypatch, room):
    reader = TextEncoder.reader(find(str(folder), ()), **KINDS[0])
    first, asked = reader.rows(TEXTS), []
    encode = Reader._encode
    monkeypatch.setattr(reading, "KEPT", room)
    monkeypatch.setattr(Reader, "_encode", lambda self, texts: (asked.extend(texts), encode(self, texts))[1])
    np.testing.assert_array_equal(reader.rows([*TEXTS[::-1], "cab"])[:-1], first[::-1])
    assert asked == ["cab"]
    fresh = TextEncoder.reader(find(str(folder), ()), **KINDS[0])
    for _ in range(2):
        np.testing.assert_array_equal(fresh.rows(TEXTS), first)
    assert asked == ["cab", *TEXTS * (1 if room > 1 else 2)]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"rank": 0}, "--network.rank 0: choose a whole number from 1 to 16, the encoder's width"),
        ({"rank": 17}, "--network.rank 17: choose a whole number from 1 to 16"),
        ({"rank": "many"}, "--network.rank many: choose a whole number from 1 to 16"),
        ({"layers": 3}, "--network.layers 3: choose a whole number from 1 to 2, the encoder's layers"),
        ({"tokens": 25}, "--network.tokens 25: choose a whole number from 1 to 24"),
        ({"adapter": "lorra"}, "unknown adapter 'lorra'; did you mean 'lora'"),
        ({"adapter": "none", "rank": 2}, "--network.rank 2 does nothing: adapter none has no rank"),
        ({"adapter": "prompt", "layers": 1}, "--network.layers 1 does nothing: adapter prompt has no layers"),
        ({"adapter": "full", "rank": 2}, "--network.rank 2 does nothing: adapter full has no rank"),
        ({"adapter": "none", "tokens": 9}, "--network.tokens 9 does nothing"),
        ({"adapter": "prompt"}, "--network.rank 4: .* leave the encoder places for a prompt: fewer --network.tokens"),
        ({"ranks": 2}, "--network.ranks: text-encoder takes adapter, rank, layers, tokens"),
    ],
)
def test_settings_that_an_encoder_cannot_have_are_one_message(folder, settings, problem):
    experiment = Experiment(
        tasks="assistant:clinc150", clients=6, network="text-encoder", network_settings=settings, encoder=str(folder)
    )
    with pytest.raises(DataError, match=f"--network text-encoder for family 'assistant': .*{problem}"):
        _ = Federation(experiment).modules


def test_another_kind_of_model_is_one_message(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"model_type": "bert"', '"model_type": "gpt2"'))
    with pytest.raises(ValueError, match="a model of type 'gpt2'; text-encoder adapts those of type 'bert'"):
        TextEncoder.reader(find(str(tmp_path), ()))


def test_a_family_without_texts_is_refused():
    with pytest.raises(DataError, match=r"wants texts, and the data set .* offers none \(none of the family does\)"):
        _ = Federation(Experiment(tasks="avatar", clients=6, network="text-encoder")).sources


def test_frozen_weights_stay_mapped_from_their_file(folder):
    network, *_ = network_of(folder, **KINDS[0])
    maps = Path("/proc/self/maps").read_text()
    frozen = [value for value in network.module.encoder.parameters() if not value.requires_grad]
    inside = [
        tuple(int(end, 16) for end in line.split()[0].split("-")) for line in maps.splitlines() if str(folder) in line
    ]
    assert inside
    assert all(any(first <= value.data_ptr() < last for first, last in inside) for value in frozen)


def test_devices_count_the_longest_texts(small_data, folder, monkeypatch):
    settings = {"tasks": "assistant:clinc150", "network": "text-encoder", "network_settings": KINDS[0]}
    own = Experiment(clients=4, encoder=str(folder), data_dir=str(small_data), algorithm=Fomaml(), **settings)
    found = work_of(Federation(own)).operations("assistant", 5)
    monkeypatch.setattr(ModuleNetwork, "skips", False)
    assert found.fixed == 0 < found.support
    assert found == work_of(Federation(own)).operations("assistant", 5)
