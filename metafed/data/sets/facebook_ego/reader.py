"""ego-Facebook: ten people, their friends and the circles in which they put them (McAuley, Leskovec, NIPS 2012).

A client is an *ego*, the person in the middle of a network, and a row is one of its friends. The data have no
time, so that the whole network is known while circles are learned: a friend's features are its acquaintances, and
what its profile shares with the ego's, both without any circle. A friend may be in several circles or in none; the
task needs one circle a friend, so an ego's circles are the four that overlap least, and friends who are not in
just one of them are left out.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from metafed.core.episodes import MINIMUM, Examples
from metafed.core.streams import stream
from metafed.data.files.shared import by_file
from metafed.data.sets.base import Dataset, arrays, require
from metafed.data.sets.facebook_ego.network import adjacency, landmarks, likeness, separate

SLOTS = 4
"""Circles of a client."""
LANDMARKS = 24
"""Friends whom all friends are compared with."""
CATEGORIES = 27
"""Categories of a profile: birthday, education;school;id, and so on."""
ALIKE, SHARED = 5.0, 0.5
"""Size of a friend's likeness to a landmark, which is 1 at most, and of a category that it shares with the ego."""
SMALL = 200
"""Friends below which a network is small."""


class Ego(NamedTuple):
    """One client.

    Attributes:
        x: Features of the friends that are rows ``(n, CATEGORIES + LANDMARKS)``.
        circle: Their circle, 0 … SLOTS − 1, in the file's order ``(n,)``.
        friends: How many friends the ego has.
        several: How many of them are in several of the four circles.
    """

    x: np.ndarray
    circle: np.ndarray
    friends: int
    several: int


@final
class FacebookEgo(Dataset):
    """Egos and their friends."""

    features = CATEGORIES + LANDMARKS
    outputs = SLOTS
    file = Path("facebook_ego/facebook_ego.npz")
    licence = "none stated; SNAP asks for citation of McAuley, Leskovec, NIPS 2012"

    @property
    def clients(self) -> int:
        """How many egos have circles enough."""
        return len(self._egos[0])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a row is, who is left out, and the licence."""
        kept, skipped = self._egos
        friends, rows, several = (
            sum(counts) for counts in zip(*((e.friends, len(e.circle), e.several) for e in kept), strict=True)
        )
        chosen = (
            f"an ego's circles are the {SLOTS} that overlap least: {rows} of {friends} friends are in just one of them;"
            f" {several} in several of them, and the others in none, are left out"
        )
        few = f"{len(skipped)} egos without {SLOTS} circles of {MINIMUM} friends of their own each: skipped"
        return (
            f"{len(kept)} clients only: intervals over them are wide",
            chosen,
            "features are made of the whole network, acquaintances of evaluation rows included, but of no circle",
            *((f"{few} ({', '.join(map(str, skipped))})",) if skipped else ()),
            f"licence: {self.licence}",
        )

    @cached_property
    def _egos(self) -> tuple[list[Ego], list[int]]:
        """Clients in their order, and ids of the egos with too few circles.

        Raises:
            DataError: The file is missing or damaged.
        """
        path, (ids, found) = self.path, self._found()
        kept = [ego for ego in found if ego is not None]
        require(path, bool(kept), f"no ego has {SLOTS} circles of {MINIMUM} friends of their own each")
        order = stream(self.origin.seed, "facebook_ego/order").permutation(len(kept))
        return [kept[i] for i in order], [name for name, ego in zip(ids, found, strict=True) if ego is None]

    @by_file
    def _found(self) -> tuple[list[int], list[Ego | None]]:
        """Return every ego's id, and what it is as a client; None where its circles are too few."""
        table = self._read()
        ids: list[int] = table["ego_ids"].tolist()
        return ids, [_ego(table, number) for number in range(len(ids))]

    def _read(self) -> dict[str, np.ndarray]:
        path = self.path
        of_nodes, of_features = ("node_id", "node_ego"), ("feat_indptr", "feat_indices")
        wanted = {
            **dict.fromkeys(("ego_ids", "edge_ego", *of_nodes, *of_features), ("iu", 1)),
            **dict.fromkeys(("edges", "circle_members"), ("iu", 2)),
            "feature_names": ("U", 1),
        }
        names = arrays(path, {"feature_names": wanted.pop("feature_names")})["feature_names"]
        table = {name: array.astype(np.int64) for name, array in arrays(path, wanted).items()}
        egos, nodes, edges, circles = (table[name] for name in ("ego_ids", "node_ego", "edges", "circle_members"))
        pointers, indices = (table[name] for name in of_features)
        require(path, len(egos) > 0, "there is no ego")
        require(path, len(nodes) == len(table["node_id"]), "node_id and node_ego differ in length")
        require(path, set(np.unique(nodes)) == set(range(len(egos))), f"node_ego is not each of 0 … {len(egos) - 1}")
        require(path, bool((np.diff(nodes) >= 0).all()), "nodes are not ordered by ego")
        first = np.searchsorted(nodes, np.arange(len(egos)))
        own = bool((table["node_id"][first] == egos).all())
        require(path, own, "the first node of an ego is not the ego itself")
        require(path, edges.shape == (len(table["edge_ego"]), 2), f"edges have shape {edges.shape}")
        require(path, circles.shape[1:] == (3,), f"circle_members has shape {circles.shape}")
        sound = len(pointers) == len(nodes) + 1 and pointers[0] == 0 and pointers[-1] == len(indices)
        require(path, bool(sound and (np.diff(pointers) >= 0).all()), "feat_indptr does not fit nodes and feat_indices")
        in_range = len(indices) == 0 or (indices.min() >= 0 and indices.max() < len(names))
        require(path, bool(in_range), f"a feature is not one of 0 … {len(names) - 1}")
        categories, category = np.unique([name.rpartition(";")[0] for name in names.tolist()], return_inverse=True)
        require(path, len(categories) == CATEGORIES, f"{len(categories)} categories of features, not {CATEGORIES}")
        known = set(zip(nodes.tolist(), table["node_id"].tolist(), strict=True))
        require(path, len(known) == len(nodes), "a node is twice in one network")
        friends = known - set(enumerate(egos.tolist()))
        ends = [*zip(table["edge_ego"], edges[:, 0], strict=True), *zip(table["edge_ego"], edges[:, 1], strict=True)]
        for what, pairs in (("an edge", ends), ("a circle", list(zip(circles[:, 0], circles[:, 2], strict=True)))):
            require(path, {(int(e), int(n)) for e, n in pairs} <= friends, f"{what} has a node that is no friend")
        return {**table, "category": category}

    def examples(self, client: int) -> Examples:
        """Return one ego's friends, circles in an order of its own; the group is the size of the network."""
        ego = self._egos[0][client]
        slot = stream(self.origin.seed, "facebook_ego/client", client).permutation(SLOTS)
        return Examples(
            x=ego.x,
            y=slot[ego.circle],
            group=f"{'under' if ego.friends < SMALL else 'from'} {SMALL} friends",
            oracle_score=np.full(len(ego.circle), np.nan),
        )


def _ego(table: Mapping[str, np.ndarray], number: int) -> Ego | None:
    """Return one ego with its features, or None if it has too few circles or friends."""
    rows = np.flatnonzero(table["node_ego"] == number)
    ids = table["node_id"][rows[1:]]
    order = np.argsort(ids)

    def places(nodes: np.ndarray) -> np.ndarray:
        return np.asarray(order[np.searchsorted(ids, nodes, sorter=order)])

    of_circles = table["circle_members"][table["circle_members"][:, 0] == number]
    circles, circle = np.unique(of_circles[:, 1], return_inverse=True)
    member = np.zeros((len(ids), len(circles)), dtype=bool)
    member[places(of_circles[:, 2]), circle] = True
    chosen = separate(member, SLOTS, MINIMUM)
    if chosen is None or len(ids) < LANDMARKS:
        return None
    inside = member[:, chosen]
    kept = np.flatnonzero(inside.sum(1) == 1)
    known = adjacency(len(ids), places(table["edges"][table["edge_ego"] == number]))
    alike = likeness(known)
    near = ALIKE * alike[:, landmarks(alike, known, LANDMARKS)]
    x = np.concatenate([SHARED * _shared(table, rows), near], axis=1)[kept]
    return Ego(x.astype(np.float32), inside[kept].argmax(1), len(ids), int((inside.sum(1) > 1).sum()))


def _shared(table: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Say in which categories each friend shares a feature with the ego, the first of ``rows``, ``(n, CATEGORIES)``."""
    features = [table["feat_indices"][table["feat_indptr"][row] : table["feat_indptr"][row + 1]] for row in rows]
    shared = np.zeros((len(rows) - 1, CATEGORIES))
    for friend, own in enumerate(features[1:]):
        shared[friend, table["category"][np.intersect1d(own, features[0])]] = 1
    return shared
