import numpy as np
import pytest

from metafed.core.episodes import draw, halves
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.watch_gestures.reader import CHANNELS, EXERCISES, PACES, UNIT, WINDOW, WatchGestures, features_of
from metafed.data.source import Origin
from tests.metafed.data.damage import altered, truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return WatchGestures(Origin(0, (shared_data,)))


@pytest.fixture(scope="module")
def content(made):
    with np.load(made.path) as archive:
        return {name: archive[name] for name in archive.files}


def at(folder):
    return WatchGestures(Origin(0, (folder,)))


def test_the_known_counts(made, content):
    assert made.clients == 20
    arms = made._arms[0]
    assert len({(arm.user, arm.side) for arm in arms}) == 20
    # a person's arms are neighbours, so that at most one person is seen and unseen
    assert [arm.user for arm in arms[::2]] == [arm.user for arm in arms[1::2]]
    windows = sum(len(made.examples(client).y) for client in range(20))
    assert windows == (content["recording_length"] // WINDOW).sum()
    assert sorted({made.examples(client).group for client in range(20)}) == ["left arm", "right arm"]


def test_a_window_is_a_stretch_of_its_recording(made, content):
    arm = made._arms[0][3]
    number = np.flatnonzero(
        (content["recording_user"] == arm.user)
        & (content["recording_side"] == arm.side)
        & (content["recording_class"] == 4)
    )
    (number,) = number
    first = content["recording_start"][number] + 2 * WINDOW
    expected = content["samples_q"][first : first + WINDOW] * content["scale"]
    np.testing.assert_allclose(arm.windows[4][2] * UNIT, expected, rtol=1e-5)


def test_query_windows_come_after_support_windows_in_every_recording(made):
    for client in range(20):
        own = made.examples(client)
        training, evaluation = halves(own, made.shots, stream(0, "halves", client))
        for side, query in ((training, made.shots.query), (evaluation, made.shots.evaluation)):
            rows = draw(own, side, made.shots, query, stream(0, "e", client))
            for label in range(EXERCISES):
                support, evaluated = (own.time[part][own.y[part] == label] for part in rows)
                assert support.max() < evaluated.min()


def test_features_are_means_and_paces_whenever_a_movement_begins():
    moment = np.arange(WINDOW) / 25
    waves = np.stack([3 + 4 * np.cos(2 * np.pi * 1.5 * (moment - shift)) for shift in (0.0, 0.2)])
    windows = np.zeros((2, WINDOW, CHANNELS))
    windows[:, :, 1] = waves
    x = features_of(windows)
    assert x.shape == (2, CHANNELS * (1 + PACES))
    np.testing.assert_allclose(x[0], x[1], atol=1e-3)
    np.testing.assert_allclose(x[0, 1], 3, rtol=1e-6)
    paces = x[0, CHANNELS:].reshape(PACES, CHANNELS)
    np.testing.assert_allclose(paces[2, 1], 2, rtol=1e-5)  # the root of the amplitude, at 3 × 0.5 Hz
    paces[2, 1] = 0
    np.testing.assert_allclose(paces, 0, atol=1e-3)


def test_notes_say_that_it_is_classification_and_who_is_on_both_sides(made):
    text = " ".join(made.notes)
    for part in ("classification", "10 people have 20", "the second for evaluation", "BSD 3-clause"):
        assert part in text
    for first, reported in ((16, False), (15, True), (None, False), (20, False)):
        notes = WatchGestures(Origin(0, made.origin.data_dirs, first)).notes
        assert any("one person has an arm in meta-training" in note for note in notes) == reported


def test_arms_with_few_windows_are_skipped_by_name(made, content, tmp_path):
    length = content["recording_length"].copy()
    short = (content["recording_user"] == 3) & (content["recording_side"] == 0) & (content["recording_class"] == 2)
    length[short] = 4 * WINDOW - 1
    altered(made.path, tmp_path / made.path.name, recording_length=length)
    cut = at(tmp_path)
    assert cut.clients == 19
    assert any("1 arms without 4 windows of each exercise: skipped (person 3, left arm)" in note for note in cut.notes)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: {"samples_q": None}, "no array 'samples_q'"),
        (lambda c: {"samples_q": c["samples_q"][:, :5]}, "samples_q has shape"),
        (lambda c: {"samples_q": c["samples_q"][:900]}, "outside of the 900 samples"),
        (lambda c: {"scale": np.full(6, np.nan)}, "scale is not six numbers"),
        (lambda c: {"class_names": np.array(["PEN"])}, "1 exercises, not 7"),
        (lambda c: {"recording_side": c["recording_side"][:-1]}, "recording_* differ in length"),
        (lambda c: {"recording_side": c["recording_side"] + 1}, "neither 0 (left) nor 1 (right)"),
        (lambda c: {"recording_class": c["recording_class"] + 1}, "a class is not one of 0 … 6"),
        (lambda c: {n: c[n][:0] for n in c if n.startswith("recording_")}, "there is no recording"),
        (lambda c: {n: c[n][1:] for n in c if n.startswith("recording_")}, "not one recording of each exercise"),
        (
            lambda c: {n: np.append(c[n], c[n][:1]) for n in c if n.startswith("recording_")},
            "not one recording of each exercise",
        ),
        (lambda c: {n: c[n][c["recording_class"] < 6] for n in c if n.startswith("recording_")}, "not one recording"),
        (lambda c: {"recording_length": c["recording_length"] * 0 + 9}, "no arm has 4 windows"),
        (lambda c: {"class_names": np.array([{}], object)}, "allow_pickle"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(made, content, tmp_path, change, problem):
    damaged = tmp_path / made.path.name
    altered(made.path, damaged, **change(content))
    with pytest.raises(DataError) as caught:
        _ = at(tmp_path).clients
    assert str(damaged) in str(caught.value)
    assert problem in str(caught.value)


def test_a_file_cut_short_is_named(made, tmp_path):
    truncated(made.path, tmp_path / made.path.name)
    with pytest.raises(DataError, match=r"watch_gestures\.npz is damaged"):
        at(tmp_path).examples(0)
