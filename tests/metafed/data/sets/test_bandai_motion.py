import numpy as np
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.bandai_motion import headset
from metafed.data.sets.bandai_motion.reader import VARIOUS, BandaiMotion, personas
from metafed.data.source import Origin
from tests.metafed.data.damage import altered, truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return BandaiMotion(Origin(0, (shared_data,)))


def at(folder):
    return BandaiMotion(Origin(0, (folder,)))


def test_the_known_counts(made):
    assert len(made.table.start) == 1014
    assert len(made.table.positions) == 59_502
    clients = [made.examples(client) for client in range(made.clients)]
    assert len(clients) == 43
    groups = {own.group for own in clients}
    assert len(groups) == 22  # every style is served
    for own in clients:
        assert len(np.unique(own.block)) >= 4
        assert headset.POSE * np.sqrt(own.y.var(0).mean()) >= 0.04


def test_a_clip_is_a_block(made):
    for client in range(10):
        own = made.examples(client)
        for clip in np.unique(own.block):
            assert (own.block == clip).sum() == made.table.length[clip] - headset.WINDOW + 1
            assert made.table.labels[clip][0] == own.group


def test_poses_are_positions_in_the_headsets_frame(made):
    table, own = made.table, made.examples(0)
    clip = own.block[0]
    last = table.positions[table.start[clip] + headset.WINDOW - 1] / 1000.0
    pose = own.y[0].reshape(18, 3) * headset.POSE + headset.REST_POSE
    others = [joint for joint in range(21) if table.joints[joint] not in headset.TRACKED]
    np.testing.assert_allclose(pose[:, 1], last[others][:, 1], atol=1e-5)  # heights stay
    head = last[table.joints.index("Head")]
    away = np.hypot(*(last[others] - head)[:, [0, 2]].T)
    np.testing.assert_allclose(np.hypot(pose[:, 0], pose[:, 2]), away, atol=1e-5)
    left, right = (pose[[table.joints[j] for j in others].index(name)] for name in headset.FACING)
    assert left[0] > right[0]
    np.testing.assert_allclose(left[2], right[2], atol=1e-5)  # the shoulders lie across


def test_where_and_which_way_somebody_walks_makes_no_difference(made):
    table = made.table
    positions = table.positions[table.start[5] : table.start[5] + table.length[5]] / 1000.0
    angle = 0.7
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    elsewhere = positions @ turn.T + (3.0, 0.0, -7.0)
    for here, there in zip(headset.seen(positions, table.joints), headset.seen(elsewhere, table.joints), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-9)
    x, _ = headset.seen(positions + np.array([0.0, 0.1, 0.0]), table.joints)
    assert not np.allclose(x, headset.seen(positions, table.joints)[0])  # height does


def test_notes_name_who_is_skipped_and_that_actors_are_unknown(made):
    text = " ".join(made.notes)
    assert "no actor ids" in text
    assert "CC BY-NC 4.0" in text
    assert "42 personas with a pose that spreads less than 0.04 m: skipped (2:active raise-up-both-hands, " in text
    assert "15 of 43 personas have several contents" in text


def test_contents_with_few_clips_are_one_persona_and_short_clips_are_left_out():
    labels = [("a", "walk")] * 4 + [("a", "bow"), ("a", "run"), ("b", "walk"), ("a", "run")]
    found = personas(labels, np.array([9, 9, 9, 9, 9, 9, 9, 2]))
    assert [(p.style, p.content, p.clips) for p in found] == [
        ("a", VARIOUS, [4, 5]),
        ("a", "walk", [0, 1, 2, 3]),
        ("b", VARIOUS, [6]),
    ]


def test_personas_with_few_clips_are_skipped_by_name(made, tmp_path):
    with np.load(made.path) as archive:
        fields = {name: archive[name] for name in archive.files if name.startswith("clip_")}
        style = archive["style_names"].tolist().index("1:sad")
    few = (fields["clip_style"] != style) | (np.cumsum(fields["clip_style"] == style) <= 3)
    altered(made.path, tmp_path / made.path.name, **{name: array[few] for name, array in fields.items()})
    cut = at(tmp_path)
    assert cut.clients == 42
    assert any("1 personas with fewer than 4 clips: skipped (1:sad various)" in note for note in cut.notes)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"positions_mm": None}, "no array 'positions_mm'"),
        ({"positions_mm": np.zeros((9, 20, 3), np.int16)}, "positions_mm has shape"),
        ({"positions_mm": np.zeros((9, 21, 3), np.int16)}, "outside of the 9 frames"),
        ({"joint_names": np.array(["Hips"] * 21)}, "are missing"),
        ({"style_names": np.array(["only"])}, "a clip's style is not one of"),
        ({"clip_style": np.zeros(3, np.uint8)}, "differ in length"),
        ({"content_names": np.array([{}], object)}, "allow_pickle"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(made, tmp_path, arrays, problem):
    damaged = tmp_path / made.path.name
    altered(made.path, damaged, **arrays)
    with pytest.raises(DataError) as caught:
        _ = at(tmp_path).clients
    assert str(damaged) in str(caught.value)
    assert problem in str(caught.value)


def test_a_file_cut_short_is_named(made, tmp_path):
    truncated(made.path, tmp_path / made.path.name)
    with pytest.raises(DataError, match=r"bandai_motion\.npz is damaged"):
        at(tmp_path).examples(0)
