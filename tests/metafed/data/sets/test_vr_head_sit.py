import numpy as np
import pytest

from metafed.core.episodes import draw, halves
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.sets.vr_head_sit.reader import TURNS, UNIT, VrHeadSit, turned
from metafed.data.source import Origin
from metafed.families.environment import ENVIRONMENT
from tests.metafed.data.damage import altered, truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return VrHeadSit(Origin(0, (shared_data,)))


def at(folder):
    return VrHeadSit(Origin(0, (folder,)))


def test_the_known_counts(made):
    assert made.clients == 15
    assert len(made.table.start) == 88
    assert len(made.table.samples) == 47_881
    people = [made.examples(client) for client in range(15)]
    # a row needs TURNS turns before it and one after
    assert sum(len(own.y) for own in people) == 47_881 - 88 * (TURNS + 1)
    assert sorted(len(np.unique(own.block)) for own in people) == [5] * 2 + [6] * 13
    groups = [own.group for own in people]
    assert (groups.count("calmer"), groups.count("livelier")) == (8, 7)
    assert len({made.called(client) for client in range(15)}) == 15


def test_rows_are_the_files_own_angles(made):
    table, own = made.table, made.examples(2)
    session = own.block[0]
    samples = table.samples[table.start[session] :][: table.length[session]].astype(np.float64)
    pitch, yaw, roll = samples[:, 1], samples[:, 2], samples[:, 3]
    for row, now in ((0, TURNS), (200, TURNS + 200)):
        expected = [
            angle
            for back in range(TURNS)
            for angle in (yaw[now - back] - yaw[now - back - 1], pitch[now - back] - pitch[now - back - 1])
        ]
        expected = turned(np.array([*expected, pitch[now], roll[now]]))
        np.testing.assert_allclose(own.x[row] * UNIT, expected, atol=1e-6)
        ahead = turned(np.array([yaw[now + 1] - yaw[now], pitch[now + 1] - pitch[now]]))
        np.testing.assert_allclose(own.y[row] * UNIT, ahead, atol=1e-6)


def test_no_turn_is_longer_than_half_a_circle():
    angles = np.array([6.2, -6.2, 3.2, -3.2, 0.1])
    np.testing.assert_allclose(np.exp(1j * turned(angles)), np.exp(1j * angles), atol=1e-12)
    assert np.abs(turned(angles)).max() <= np.pi


def test_rows_are_sound_and_sessions_stay_together(made):
    for client in range(made.clients):
        own = made.examples(client)
        assert own.x.shape == (len(own.y), made.features)
        assert own.x.dtype == own.y.dtype == np.float32
        assert np.isfinite(own.x).all()
        assert np.isnan(own.oracle_score).all()
        shots = ENVIRONMENT.shots
        training, evaluation = halves(own, shots, stream(0, "halves", client))
        sets = [*draw(own, training, shots, shots.query, stream(0, "e", client))]
        sets += draw(own, evaluation, shots, shots.evaluation, stream(0, "v", client))
        sessions = [set(own.block[rows]) for rows in sets]
        assert all(sessions)
        assert len(set.union(*sessions)) == sum(map(len, sessions))


def test_the_seed_orders_people_and_nothing_else(made, shared_data):
    other = VrHeadSit(Origin(1, (shared_data,)))
    rows = [{own.called(c): own.examples(c).x.tobytes() for c in range(15)} for own in (made, other)]
    assert rows[0] == rows[1]
    assert list(rows[0]) != list(rows[1])


def test_columns_name_every_feature(made):
    assert sum(width for _, width in made.columns) == made.features


def test_a_line_through_the_last_turn_foresees_some_of_the_next_one(made):
    x, y = (np.concatenate([getattr(made.examples(c), part) for c in range(15)]) for part in ("x", "y"))
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    slopes = np.linalg.lstsq(x[::2], y[::2], rcond=None)[0]
    left = np.square(y[1::2] - x[1::2] @ slopes).mean() / np.square(y[1::2] - y[1::2].mean(0)).mean()
    assert 0.6 < left < 0.75


def test_notes_and_files(made):
    assert made.notes[-1] == "licence: MIT, copyright 2022 Tho Nguyen"
    assert [file.name for file in made.files] == ["vr_head_sit.npz"]
    assert not any("skipped" in note for note in made.notes)


def test_a_missing_file_is_named_with_the_folders(tmp_path):
    assert at(tmp_path).features == 8  # known without reading
    for ask in (lambda: at(tmp_path).clients, lambda: at(tmp_path).examples(0), lambda: at(tmp_path).notes):
        with pytest.raises(DataError, match=r"vr_head_sit\.npz is missing; searched") as caught:
            ask()
        assert "--data-dir" in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"samples": None}, "has no array 'samples'"),
        ({"samples": np.zeros((3, 6))}, "lies outside of the 3 samples"),
        ({"samples": np.full((47_881, 6), np.nan)}, "is not a finite number"),
        ({"samples": np.zeros((47_881, 6))}, "has not 2 samples a second"),
        ({"samples": np.zeros((47_881, 5))}, "has 5 columns"),
        ({"columns": np.array(["yaw"])}, "the columns are ['yaw']"),
        ({"session_start": np.zeros(3, np.int32)}, "differ in length"),
        ({"session_user": np.zeros(88)}, "expected 1 axes of kind i or u"),
        ({"session_length": np.full(88, -1)}, "lies outside"),
        ({"session_user": np.arange(88)}, "nobody has 4 sessions"),
        ({"columns": np.array([{}], object)}, "allow_pickle"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(made, tmp_path, arrays, problem):
    damaged = tmp_path / made.path.name
    altered(made.path, damaged, **arrays)
    with pytest.raises(DataError) as caught:
        _ = at(tmp_path).clients
    assert str(damaged) in str(caught.value)
    assert problem in str(caught.value)


def test_a_file_without_a_session_is_named(made, tmp_path):
    empty = {f"session_{name}": np.zeros(0, np.int32) for name in ("start", "length", "user")}
    altered(made.path, tmp_path / made.path.name, **empty)
    with pytest.raises(DataError, match="there is no session"):
        _ = at(tmp_path).clients


def test_people_with_few_sessions_are_skipped_and_said_so(made, tmp_path):
    user = made.table.user.copy()
    user[np.flatnonzero(user == 3)[:3]] = 99
    altered(made.path, tmp_path / made.path.name, session_user=user)
    fewer = at(tmp_path)
    assert fewer.clients == 14
    assert any(note.startswith("2 people with fewer than 4 sessions: skipped") for note in fewer.notes)


def test_a_file_cut_short_is_named(made, tmp_path):
    truncated(made.path, tmp_path / made.path.name)
    with pytest.raises(DataError, match=r"vr_head_sit\.npz is damaged"):
        at(tmp_path).examples(0)
