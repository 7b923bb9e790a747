"""Makers on real data: the publisher's form, written again from the prepared file, gives the prepared file.

The watch data are made from the publisher's own file, bit by bit.
"""

import csv
import json

import numpy as np
import polars as pl
import pytest

from metafed.data.sets.banking77 import maker as banking77_files
from metafed.data.sets.clinc150 import maker as clinc150_files
from metafed.data.sets.crypto_prices import maker as crypto_prices_files
from metafed.data.sets.facebook_ego import maker as facebook_ego_files
from metafed.data.sets.movielens100k import maker as movielens_files
from metafed.data.sets.vr_head_sit import maker as vr_head_sit_files
from metafed.data.sets.watch_gestures import maker as watch_gestures_files


def arrays(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def equal(made, known):
    assert made.keys() == known.keys()
    for name, array in known.items():
        np.testing.assert_array_equal(made[name], array, err_msg=name)
        assert made[name].dtype.kind == array.dtype.kind
        assert made[name].dtype.itemsize == array.dtype.itemsize or array.dtype.kind == "U"


def test_watch_gestures_out_of_the_wheel_are_the_known_arrays(seglearn, shared_data):
    equal(watch_gestures_files.read(seglearn), arrays(shared_data / "watch_gestures" / "watch_gestures.npz"))


def test_movielens_is_the_same_from_a_folder_and_from_a_zip(movielens_dir, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "ml-100k.zip", "w") as archive:
        for file in movielens_dir.iterdir():
            archive.write(file, f"ml-100k/{file.name}")
    equal(movielens_files.read(tmp_path), movielens_files.read(movielens_dir))


def test_facebook_ego(shared_data, tmp_path):
    known = arrays(shared_data / "facebook_ego" / "facebook_ego.npz")
    names, rng = known["feature_names"], np.random.default_rng(0)
    rows = np.split(known["feat_indices"], known["feat_indptr"][1:-1])
    unused = np.setdiff1d(np.arange(len(names)), known["feat_indices"])
    for place, ego in enumerate(known["ego_ids"]):
        mine = np.flatnonzero(known["node_ego"] == place)
        # a file lists its own features, those that egos before it have not in the order of the names
        used = np.unique(np.concatenate([rows[node] for node in mine]))
        columns = np.insert(used, rng.integers(len(used)), unused[place::10])
        flags = {int(known["node_id"][n]): np.isin(columns, rows[n]).astype(int).tolist() for n in mine}
        (tmp_path / f"{ego}.featnames").write_text("".join(f"{k} {names[c]}\n" for k, c in enumerate(columns)))
        (first, own), *others = flags.items()
        assert first == ego
        (tmp_path / f"{ego}.egofeat").write_text(" ".join(map(str, own)) + "\n")
        (tmp_path / f"{ego}.feat").write_text("".join(f"{n} {' '.join(map(str, f))}\n" for n, f in others))
        pairs = known["edges"][known["edge_ego"] == place]
        both = rng.permutation(np.concatenate([pairs, pairs[:, ::-1]]))  # SNAP lists both directions
        (tmp_path / f"{ego}.edges").write_text("".join(f"{u} {v}\n" for u, v in both))
        circles = known["circle_members"][known["circle_members"][:, 0] == place]
        lines = [
            "\t".join([f"circle{number}", *map(str, circles[circles[:, 1] == number, 2])])
            for number in dict.fromkeys(circles[:, 1].tolist())
        ]
        (tmp_path / f"{ego}.circles").write_text("".join(f"{line}\n" for line in lines))
    made = facebook_ego_files.read(tmp_path)
    for each in (made, known):  # by name, since the order of those that nobody has is lost
        each["features"] = by_name(each)
    equal(made, known)


def by_name(made):
    """Return each node's features by name, sorted, one node after the other."""
    rows = np.split(made.pop("feat_indices"), made["feat_indptr"][1:-1])
    names = made.pop("feature_names")
    return np.concatenate([np.sort(names[row]) for row in rows])


def test_vr_head_sit(shared_data, tmp_path):
    known = arrays(shared_data / "vr_head_sit" / "vr_head_sit.npz")
    header = [*vr_head_sit_files.SOURCE, "quat_x"]
    for place in np.random.default_rng(0).permutation(len(known["session_user"])):
        subtitle, video, user = (known[f"session_{name}"][place] for name in ("subtitle", "video", "user"))
        folder = tmp_path / ("has_subtitle" if subtitle else "no_subtitle") / f"video_{video:02}_user_{user:02}"
        folder.mkdir(parents=True)
        start, length = known["session_start"][place], known["session_length"][place]
        with (folder / "processed_data.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([*map(repr, map(float, row)), "0"] for row in known["samples"][start : start + length])
    equal(vr_head_sit_files.read(tmp_path), known)


def test_crypto_prices(shared_data, tmp_path):
    known = pl.read_parquet(shared_data / "crypto_prices" / "crypto_daily.parquet")
    for (asset,), days in known.group_by("asset"):
        with (tmp_path / f"coin_{asset}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["SNo", "Name", "Symbol", "Date", "High", "Low", "Open", "Close", "Volume", "Marketcap"])
            columns = ("name", "asset", "date", "high", "low", "open", "close", "volume", "marketcap")
            for number, (name, symbol, day, *prices) in enumerate(days.select(columns).rows(), 1):
                writer.writerow([number, name, symbol, f"{day} 23:59:59", *prices])
    made = crypto_prices_files.read(tmp_path)
    text = pl.col("asset", "name").cast(pl.String)
    assert made.with_columns(text).equals(known.with_columns(text))
    assert made.dtypes == known.dtypes


@pytest.mark.parametrize("name", ["clinc150", "banking77"])
def test_intents(name, shared_data, tmp_path):
    known = pl.read_parquet(shared_data / "intents" / f"{name}.parquet")
    if name == "clinc150":
        full = {}
        for text, intent, _, split in known.rows():
            full.setdefault(split if intent != "oos" else f"oos_{split}", []).append([text, intent])
        domains = {}
        for intent, domain in known.select("intent", "domain").unique().rows():
            if domain != "oos":
                domains.setdefault(domain, []).append(intent)
        assert {len(intents) for intents in domains.values()} == {15}
        (tmp_path / "data_full.json").write_text(json.dumps(full))
        (tmp_path / "domains.json").write_text(json.dumps(domains))
        made = clinc150_files.read(tmp_path)
    else:
        for split in ("train", "test"):
            with (tmp_path / f"{split}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["text", "category"])
                writer.writerows(known.filter(pl.col("split") == split).select("text", "intent").rows())
        made = banking77_files.read(tmp_path)
    text = pl.all().cast(pl.String)
    assert made.with_columns(text).equals(known.with_columns(text))
    assert made.dtypes == known.dtypes
