"""ego-Facebook from SNAP's files: ``EGO.edges``, ``.circles``, ``.feat``, ``.egofeat``, ``.featnames`` for each ego.

McAuley, Leskovec, NIPS 2012; ``facebook.tar.gz`` of snap.stanford.edu. Edges are undirected, given once or in
both directions; the ego knows everyone and occurs in none. A column of ``.feat`` is the feature that
``.featnames`` names; names are shared between egos, their column numbers are not.
"""

import re
from pathlib import Path

import numpy as np

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, Originals, originals

LARGEST = int(np.iinfo(np.int16).max)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read all egos into the arrays of ``facebook_ego.npz``, egos in the order of their numbers.

    Raises:
        DataError: There is no ego, one of its files is missing, or a line is damaged.
    """
    with originals(path) as found:
        egos = sorted(int(match[1]) for _, match in found.matching(r"(\d{1,5})\.feat"))
        if not egos:
            raise DataError(f"{path} has no file EGO.feat, such as 107.feat")
        if max(egos) > LARGEST or len(egos) > 255:
            raise DataError(
                f"{path} has egos that are not those of ego-Facebook: {egos[-1]} is the last of {len(egos)}"
            )
        names: dict[str, int] = {}
        parts = [_ego(found, place, ego, names) for place, ego in enumerate(egos)]
    features = [columns for _, listed, _, _ in parts for columns in listed]
    return {
        "ego_ids": np.array(egos, np.int16),
        "node_id": np.concatenate([nodes for nodes, _, _, _ in parts]).astype(np.int16),
        "node_ego": np.repeat(np.arange(len(egos)), [len(nodes) for nodes, _, _, _ in parts]).astype(np.uint8),
        "feat_indptr": np.cumsum([0, *(len(columns) for columns in features)]).astype(np.int32),
        "feat_indices": np.concatenate(features).astype(np.int16),
        "feature_names": np.array(list(names)),
        "edges": np.concatenate([edges for _, _, edges, _ in parts]).astype(np.int16),
        "edge_ego": np.repeat(np.arange(len(egos)), [len(edges) for _, _, edges, _ in parts]).astype(np.uint8),
        "circle_members": np.concatenate([circles for _, _, _, circles in parts]).astype(np.int16),
    }


def _ego(
    found: Originals, place: int, ego: int, names: dict[str, int]
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, np.ndarray]:
    """Read one ego: nodes with the ego first, each node's features, edges, circles; new names go into ``names``."""
    files = {kind: found.one(f"{ego}.{kind}") for kind in ("featnames", "egofeat", "feat", "edges", "circles")}
    columns: list[int] = []
    for line, fields in _lines(files["featnames"], maximum=1):
        if len(fields) != 2 or fields[0] != str(len(columns)):
            raise DataError(f"{files['featnames'].where}, line {line}: a number and a name are expected")
        columns.append(names.setdefault(fields[1].strip(), len(names)))
    nodes: dict[int, np.ndarray] = {}
    for kind, first in (("egofeat", 0), ("feat", 1)):
        for line, fields in _lines(files[kind]):
            where = f"{files[kind].where}, line {line}"
            node = _node(where, fields[0]) if first else ego
            if node in nodes:
                raise DataError(f"{where}: node {node} was there before")
            flags = np.array(fields[first:])
            if len(flags) != len(columns) or not np.isin(flags, ("0", "1")).all():
                raise DataError(f"{where}: {len(columns)} flags 0 or 1 are expected, got {len(flags)}")
            nodes[node] = np.array(columns, np.int64)[flags == "1"]
    if ego not in nodes:
        raise DataError(f"{files['egofeat'].where} is empty")
    edges = set()
    for line, fields in _lines(files["edges"]):
        where = f"{files['edges'].where}, line {line}"
        pair = sorted(_node(where, field) for field in fields)
        if len(pair) != 2 or not set(pair) <= nodes.keys() or pair[0] == pair[1]:
            raise DataError(f"{where}: two different nodes of {ego}.feat are expected, got {' '.join(fields)}")
        edges.add(tuple(pair))
    circles = []
    for line, (name, *members) in _lines(files["circles"]):
        where = f"{files['circles'].where}, line {line}"
        match = re.fullmatch(r"circle(\d{1,4})", name)
        listed = [_node(where, member) for member in members]
        if not match or not set(listed) <= nodes.keys():
            raise DataError(f"{where}: circleN and nodes of {ego}.feat are expected")
        circles += [(place, int(match[1]), member) for member in listed]
    return (
        np.array(list(nodes)),
        list(nodes.values()),
        np.array(sorted(edges), np.int64).reshape(-1, 2),
        np.array(circles, np.int64).reshape(-1, 3),
    )


def _lines(file: Original, maximum: int = -1) -> list[tuple[int, list[str]]]:
    split = ((number, line.split(None, maximum)) for number, line in enumerate(file.text().split("\n"), 1))
    return [(number, fields) for number, fields in split if fields]


def _node(where: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > LARGEST:
        raise DataError(f"{where}: {text!r} is no number of a node")
    return int(text)
