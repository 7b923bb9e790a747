import numpy as np
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.facebook_ego import network as ego_network
from metafed.data.sets.facebook_ego.reader import ALIKE, CATEGORIES, LANDMARKS, SHARED, FacebookEgo
from metafed.data.source import Origin
from tests.metafed.data.damage import altered, truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return FacebookEgo(Origin(0, (shared_data,)))


@pytest.fixture(scope="module")
def content(made):
    with np.load(made.path) as archive:
        return {name: archive[name] for name in archive.files}


def at(folder):
    return FacebookEgo(Origin(0, (folder,)))


def test_the_known_counts(made):
    assert made.clients == 10
    kept, skipped = made._egos
    assert skipped == []
    assert sum(ego.friends for ego in kept) == 4_177 - 10
    assert sorted(ego.friends for ego in kept)[:2] == [59, 66]
    assert sum(len(ego.circle) for ego in kept) == 2_190
    assert sum(ego.several for ego in kept) == 64
    groups = [made.examples(client).group for client in range(10)]
    assert sorted(set(groups)) == ["from 200 friends", "under 200 friends"]
    for client in range(10):
        assert np.bincount(made.examples(client).y, minlength=4).min() >= 4


def test_a_row_is_a_friend_in_just_one_of_the_four_circles(made, content):
    number = [ego.friends for ego in made._egos[0]].index(59)
    ego = made._egos[0][number]
    place = content["ego_ids"].tolist().index(3980)
    of_circles = content["circle_members"][content["circle_members"][:, 0] == place]
    sizes = np.bincount(of_circles[:, 1])
    # the four largest circles of this ego have no friend in common
    assert sorted(np.bincount(ego.circle).tolist()) == sorted(np.sort(sizes)[-4:].tolist()) == [4, 5, 6, 22]
    assert ego.several == 0


def test_features_are_acquaintances_in_common_and_categories_shared_with_the_ego(made, content):
    place = content["ego_ids"].tolist().index(3980)
    number = [ego.friends for ego in made._egos[0]].index(59)
    ids = content["node_id"][content["node_ego"] == place][1:].tolist()
    knows = {node: {node} for node in ids}
    for a, b in content["edges"][content["edge_ego"] == place].tolist():
        knows[a].add(b)
        knows[b].add(a)
    members = {n for _, _, n in content["circle_members"][content["circle_members"][:, 0] == place].tolist()}
    cosines = {
        node: sorted(len(knows[node] & knows[o]) / np.sqrt(len(knows[node]) * len(knows[o])) for o in ids)
        for node in members
    }
    near = made._egos[0][number].x[:, CATEGORIES:] / ALIKE
    assert near.shape[1] == LANDMARKS
    # a row's likenesses are among one member's likenesses to all friends, itself (1) at most once
    for row in near:
        fits = [node for node, all_of in cosines.items() if np.abs(np.subtract.outer(row, all_of)).min(1).max() < 1e-5]
        assert fits
    shared = made._egos[0][number].x[:, :CATEGORIES]
    assert set(np.unique(shared)) == {0.0, np.float32(SHARED)}
    assert 0 < (shared > 0).mean() < 0.5


def test_the_order_of_circles_is_the_clients_own(made):
    other = FacebookEgo(Origin(1, made.origin.data_dirs))
    sizes = [{len(m.examples(c).y): np.bincount(m.examples(c).y).tolist() for c in range(10)} for m in (made, other)]
    assert any(sizes[0][n] != sizes[1][n] for n in sizes[0])
    assert all(sorted(sizes[0][n]) == sorted(sizes[1][n]) for n in sizes[0])


def test_notes_say_what_becomes_of_overlapping_circles(made):
    text = " ".join(made.notes)
    for part in (
        "10 clients only",
        "overlap least: 2190 of 4167 friends",
        "64 in several",
        "of no circle",
        "none stated",
    ):
        assert part in text


class TestNetwork:
    def test_likeness_is_a_cosine_of_acquaintances(self):
        known = ego_network.adjacency(4, np.array([[0, 1], [1, 2]]))
        alike = ego_network.likeness(known)
        np.testing.assert_allclose(np.diag(alike), 1, rtol=1e-6)
        assert alike[0, 1] == pytest.approx(2 / np.sqrt(2 * 3))
        assert alike[0, 2] == pytest.approx(1 / 2)
        assert alike[0, 3] == 0

    def test_landmarks_are_all_over_the_network(self):
        # three cliques of unequal size: each has a landmark after three choices
        blocks = np.repeat([0, 1, 2], [12, 8, 5])
        known = blocks[:, None] == blocks
        chosen = ego_network.landmarks(ego_network.likeness(known), known, 3)
        assert sorted(blocks[chosen]) == [0, 1, 2]
        assert blocks[chosen[0]] == 0  # who knows most comes first

    def test_circles_that_share_members_are_avoided(self):
        member = np.zeros((40, 4), bool)
        member[:20, 0] = True
        member[:18, 1] = True  # nearly the first circle again
        member[20:30, 2] = True
        member[30:38, 3] = True
        np.testing.assert_array_equal(ego_network.separate(member, 3, 4), [0, 2, 3])
        assert ego_network.separate(member, 4, 4) is None
        np.testing.assert_array_equal(ego_network.separate(member, 2, 4), [0, 2])
        assert ego_network.separate(member[:, :1], 2, 4) is None


def test_egos_without_circles_enough_are_skipped_by_id(made, content, tmp_path):
    place = content["ego_ids"].tolist().index(698)
    circles = content["circle_members"]
    altered(made.path, tmp_path / made.path.name, circle_members=circles[circles[:, 0] != place])
    cut = at(tmp_path)
    assert cut.clients == 9
    assert any("1 egos without 4 circles of 4 friends of their own each: skipped (698)" in note for note in cut.notes)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: {"edges": None}, "no array 'edges'"),
        (lambda c: {"ego_ids": c["ego_ids"][:0]}, "there is no ego"),
        (lambda c: {"node_ego": c["node_ego"][:-1]}, "differ in length"),
        (lambda c: {"node_ego": np.zeros_like(c["node_ego"])}, "node_ego is not each of"),
        (lambda c: {"node_ego": c["node_ego"][::-1].copy()}, "not ordered by ego"),
        (lambda c: {"ego_ids": c["ego_ids"] + 1}, "not the ego itself"),
        (lambda c: {"edges": c["edges"][:-1]}, "edges have shape"),
        (lambda c: {"edges": c["edges"] * 0 + 4038}, "an edge has a node that is no friend"),
        (lambda c: {"circle_members": c["circle_members"] * 0}, "a circle has a node that is no friend"),
        (lambda c: {"circle_members": c["circle_members"][:, :2]}, "circle_members has shape"),
        (lambda c: {"circle_members": c["circle_members"][:0]}, "no ego has 4 circles"),
        (lambda c: {"feat_indptr": c["feat_indptr"][:-1]}, "feat_indptr does not fit"),
        (lambda c: {"feat_indices": c["feat_indices"] * 0 - 1}, "a feature is not one of"),
        (lambda c: {"feature_names": np.array(["gender;1"] * 1406)}, "1 categories of features, not 27"),
        (lambda c: {"node_id": np.where(c["node_id"] == 4038, 4037, c["node_id"])}, "twice in one network"),
        (lambda c: {"feature_names": np.array([{}], object)}, "allow_pickle"),
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
    with pytest.raises(DataError, match=r"facebook_ego\.npz is damaged"):
        at(tmp_path).examples(0)
