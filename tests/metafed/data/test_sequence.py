"""Sequences are the same rows as features: the same targets, splits and moments, seen over time."""

import numpy as np
import pytest

from metafed.core.errors import DataError
from metafed.data.sequence import tokens, windows
from metafed.experiment.settings import Experiment
from metafed.families.assistant import NGRAMS, features_of
from metafed.federation.federation import Federation
from metafed.models import Inputs

GENERATED = ("avatar", "environment", "assistant")
REAL = ("avatar:bandai_motion", "avatar:watch_gestures", "environment:vr_head_sit", "assistant:banking77")


class Wants:
    """What a factory may be, as far as sources go."""

    inputs = "sequence"


def both(task, folder=""):
    """Return the first client's rows as features and as sequences ``(n, *shape)``, and what describes these."""
    plain, other = (
        Federation(Experiment(tasks=task, clients=8, network=network, data_dir=str(folder))).sources[0]
        for network in ("mlp", "gru")
    )
    features, flat = plain.examples(0), other.examples(0)
    inputs = other.sequence
    assert flat.x.shape == (len(features.x), inputs.size) == (len(features.x), other.features)
    assert flat.x.dtype == np.float32
    for name in ("y", "oracle_score", "evaluation", "block", "time"):
        np.testing.assert_array_equal(getattr(features, name), getattr(flat, name))
    assert (flat.group, flat.name) == (features.group, features.name)
    return features.x, flat.x.reshape(len(flat.x), *inputs.shape), inputs


def check(inputs, x):
    """Check that padding comes first, and is zeros."""
    if inputs.vocabulary:
        there = x != 0
        assert 0 <= x.min() <= x.max() < inputs.vocabulary
        assert (x == np.round(x)).all()
    elif inputs.masked:
        there = x[..., -1] == 1
        assert not x[~there].any()
    else:
        return
    assert there[:, -1].all()
    assert (np.diff(there.astype(int), axis=1) >= 0).all()


@pytest.mark.parametrize("task", GENERATED)
def test_sequences_of_generated_clients(task):
    features, x, inputs = both(task)
    check(inputs, x)
    if task == "avatar":
        assert np.array_equal(x.reshape(len(x), -1), features)
    elif task == "environment":
        np.testing.assert_array_equal(x[:, -1, :-1], features)  # now is the last moment
        assert (x[0, :-1] == 0).all()
        np.testing.assert_array_equal(x[1, -2, :-1], features[0])
    else:
        counts = np.stack([np.bincount(row.astype(int), minlength=NGRAMS + 1)[1:] for row in x])
        np.testing.assert_array_equal(features_of(counts), features)


@pytest.mark.parametrize("task", REAL)
def test_sequences_of_real_clients(task, shared_data):
    features, x, inputs = both(task, shared_data)
    check(inputs, x)
    now = x[:, -1]
    if task == "avatar:bandai_motion":
        np.testing.assert_allclose(now[:, :9], features[:, :9], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(x[:, -2, 9:18], features[:, 9:18], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(x[:, -3, 9:18], features[:, 18:27], rtol=1e-4, atol=1e-5)
    elif task == "environment:vr_head_sit":
        np.testing.assert_allclose(now[:, :2], features[:, :2], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(x[:, -2, :2], features[:, 2:4], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(now[:, 2:4], features[:, -2:], rtol=1e-5, atol=1e-5)
    elif task == "avatar:watch_gestures":
        np.testing.assert_allclose(x.mean(1), features[:, :6], rtol=1e-4, atol=1e-4)


def test_windows_begin_where_their_stretch_does():
    moments = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
    found = windows(moments, np.array([0, 1, 2, 0, 1]), 3)
    assert found[:, :, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [0, 0, 4], [0, 4, 5]]
    assert found[:, :, 1].tolist() == [[0, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1], [0, 1, 1]]


def test_words_are_hashed_and_the_last_are_kept():
    inputs = Inputs("sequence", (4,), vocabulary=100)
    short, same, long, none = tokens(["Hello, you", "hello ,YOU", "a b hello , you", ""], inputs)
    assert short[0] == 0
    assert (short[1:] > 0).all()
    assert np.array_equal(short, same)
    assert np.array_equal(long[1:], short[1:])
    assert long[0] > 0
    assert not none.any()


@pytest.mark.parametrize("task", ["personalization", "environment:cartpole"])
def test_a_source_without_sequences_is_refused(task):
    with pytest.raises(DataError, match=r"--network gru .* wants sequences, and the data set .* offers none"):
        _ = Federation(Experiment(tasks=task, clients=8, network="gru")).sources


def test_a_factory_that_asks_for_something_else_is_refused(monkeypatch):
    monkeypatch.setattr(Wants, "inputs", "graph")
    with pytest.raises(DataError, match="'sequence' is all that it may ask for"):
        _ = Federation(Experiment(tasks="avatar", clients=8, network=f"{__name__}:Wants")).sources


def test_a_note_says_how_many_texts_are_cut(shared_data):
    experiment = Experiment(tasks="assistant:banking77", clients=8, network="gru", data_dir=str(shared_data))
    assert any("texts have more than 32 words" in note for note in Federation(experiment).sources[0].notes)
