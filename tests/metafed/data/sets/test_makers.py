"""Makers: hand-made publisher's files become the arrays that one expects, and damage is named with its line."""

import json
import re
from datetime import date

import numpy as np
import pytest
from PIL import Image

from metafed.core.errors import DataError
from metafed.data.sets.bandai_motion import maker as bandai_motion_files
from metafed.data.sets.bandai_motion.headset import JOINTS
from metafed.data.sets.banking77 import maker as banking77_files
from metafed.data.sets.clinc150 import maker as clinc150_files
from metafed.data.sets.crypto_prices import maker as crypto_prices_files
from metafed.data.sets.facebook_ego import maker as facebook_ego_files
from metafed.data.sets.omniglot import maker as omniglot_files
from metafed.data.sets.vr_head_sit import maker as vr_head_sit_files
from metafed.data.sets.watch_gestures import maker as watch_gestures_files

CLINC = {
    "oos_val": [["a show", "oos"]],
    "val": [["pay it", "pay_bill"]],
    "train": [["play it", "play_music"], ['pay, "it"', "pay_bill"]],
    "oos_test": [],
    "test": [["please play", "play_music"]],
    "oos_train": [["why", "oos"]],
}
DOMAINS = {"banking": ["pay_bill"], "home": ["play_music"]}


def clinc(folder, splits=CLINC, domains=DOMAINS):
    (folder / "data_full.json").write_text(splits if isinstance(splits, str) else json.dumps(splits))
    (folder / "domains.json").write_text(json.dumps(domains))


def test_clinc150_keeps_the_order_of_the_file(tmp_path):
    clinc(tmp_path)
    assert clinc150_files.read(tmp_path).rows() == [
        ("a show", "oos", "oos", "val"),
        ("pay it", "pay_bill", "banking", "val"),
        ("play it", "play_music", "home", "train"),
        ('pay, "it"', "pay_bill", "banking", "train"),
        ("please play", "play_music", "home", "test"),
        ("why", "oos", "oos", "train"),
    ]


@pytest.mark.parametrize(
    ("splits", "domains", "problem"),
    [
        (json.dumps(CLINC)[:50], DOMAINS, "is no JSON"),
        ("[" * 100_000, DOMAINS, "is no JSON"),
        ([1], DOMAINS, "holds no object"),
        ({key: rows for key, rows in CLINC.items() if key != "test"}, DOMAINS, "splits ['test'] are missing"),
        (CLINC | {"val": [["pay it"]]}, DOMAINS, "val[0] is ['pay it']"),
        (CLINC, {"home": ["play_music"]}, "val[0] has intent 'pay_bill'"),
        (CLINC, DOMAINS | {"home": "play_music"}, "domain 'home' is no list"),
    ],
)
def test_damaged_clinc150_is_named(tmp_path, splits, domains, problem):
    clinc(tmp_path, splits, domains)
    with pytest.raises(DataError, match=re.escape(problem)):
        clinc150_files.read(tmp_path)


def banking(folder, train='text,category\n"a ""card"", please",card_arrival\ntwo\nlines,x\n'):
    (folder / "train.csv").write_text(train.replace("two\nlines", '"two\nlines"'))
    (folder / "test.csv").write_text("text,category\nwhere?,card_arrival\n")


def test_banking77_is_train_then_test(tmp_path):
    banking(tmp_path)
    table = banking77_files.read(tmp_path)
    assert table.columns == ["text", "intent", "split"]
    assert table.rows() == [
        ('a "card", please', "card_arrival", "train"),
        ("two\nlines", "x", "train"),
        ("where?", "card_arrival", "test"),
    ]


@pytest.mark.parametrize(
    ("train", "problem"),
    [
        ("text,intent\na,b\n", "train.csv, line 1: columns ['category'] are missing"),
        ("text,category\na,b\na,b,c\n", "train.csv, line 3: 3 fields, expected 2"),
        ("text,category\na,\n", "train.csv, line 2: text or category is empty"),
        ("", "line 1: columns"),
    ],
)
def test_damaged_banking77_is_named(tmp_path, train, problem):
    banking(tmp_path, train)
    with pytest.raises(DataError, match=re.escape(problem)):
        banking77_files.read(tmp_path)


VR = "timestamps,playback_time,rounded_playback_time,rad_roll,rad_pitch,rad_yaw,rad_inclination,rad_azimuth\n"


def session(folder, name, rows="9.5,0.1,0.0,1,2,3,4,5\n9.9,0.6,0.5,6,7,8,9,10\n"):
    (folder / name).mkdir(parents=True)
    (folder / name / "processed_data.csv").write_text(VR + rows)


def test_head_orientations_in_the_order_of_sessions_without_what_was_taken_out(tmp_path):
    names = ("no_subtitle/video_01_user_02", "has_subtitle/video_02_user_01", "has_subtitle/video_01_user_03")
    for name in (*names, "has_subtitle/_video_05_user_09"):
        session(tmp_path / "datasets", name)
    session(
        tmp_path / "datasets", "no_subtitle/video_05_user_15", "0,0,0.0,0,0,0,0,0\n" * 1 + "1,1,0.5,0,0,0,0,1\n" * 1
    )
    made = vr_head_sit_files.read(tmp_path)
    for name, values in (("subtitle", [1, 1, 0, 0]), ("video", [1, 2, 1, 5]), ("user", [3, 1, 2, 15])):
        assert made[f"session_{name}"].tolist() == values
    assert made["session_start"].tolist() == [0, 2, 4, 6]
    assert made["columns"].tolist()[:4] == ["time_s", "pitch_rad", "yaw_rad", "roll_rad"]
    assert made["samples"][:2].tolist() == [[0, 2, 3, 1, 4, 5], [0.5, 7, 8, 6, 9, 10]]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("9.5,0.1,0.0,1,x,3,4,5\n", "processed_data.csv, line 2: 'x' is no number"),
        ("9.5,0.1,0.0,1,inf,3,4,5\n", "line 2: 'inf' is not finite"),
        ("9.5,0.1,0.0,1,2,3,4,5\n9.5,0.1,0.0,1,2,3,4,5\n", "times do not increase"),
        ("", "times do not increase"),
    ],
)
def test_a_damaged_session_is_named(tmp_path, rows, problem):
    session(tmp_path, "no_subtitle/video_01_user_02", rows)
    with pytest.raises(DataError, match=re.escape(problem)):
        vr_head_sit_files.read(tmp_path)


COIN = "SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap\n"


def test_prices_are_sorted_by_asset_and_date(tmp_path):
    (tmp_path / "coin_Zoo.csv").write_text(
        COIN + "1,Zoo,ZOO,2020-01-02 23:59:59,4,1,2,3,0,7\n2,Zoo,ZOO,2020-01-01 23:59:59,4.5,1,2,3,0,7\n"
    )
    (tmp_path / "coin_Ant.csv").write_text(COIN + "1,Ant,ANT,2021-07-06,8,5,6,7,1e9,0\n")
    table = crypto_prices_files.read(tmp_path)
    assert table.columns == ["asset", "name", "date", "open", "high", "low", "close", "volume", "marketcap"]
    assert table.rows() == [
        ("ANT", "Ant", date(2021, 7, 6), 6, 8, 5, 7, 1e9, 0),
        ("ZOO", "Zoo", date(2020, 1, 1), 2, 4.5, 1, 3, 0, 7),
        ("ZOO", "Zoo", date(2020, 1, 2), 2, 4, 1, 3, 0, 7),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1,Ant,ANT,02-10-17 23:59,8,5,6,7,1,0", "date '02-10-17 23:59' is not of the form"),
        ("1,Ant,ANT,10/5/2020 23:59,8,5,6,7,1,0", "A spreadsheet may have changed the table"),
        ("1,Ant,ANT,2020-02-30,8,5,6,7,1,0", "date '2020-02-30' is not"),
        ("1,Ant,ANT,2020-02-20,8,5,6,7,1,1.085.669", "line 2: '1.085.669' is no number"),
        ("1,Ant,ANT,2020-02-20,8,0,6,7,1,0", "line 2: a price is not above 0"),
        ("1,Ant,ANT,2020-02-20,8,5,6,7,-1,0", "or a volume below 0"),
        ("1,Ant,,2020-02-20,8,5,6,7,1,0", "name or symbol is empty"),
        ("1,Ant,ANT,2020-02-20,8,5,6,7,1,0\n2,Ant,ANT,2020-02-20,8,5,6,7,1,0", "ANT has 2020-02-20 twice"),
    ],
)
def test_damaged_prices_are_named(tmp_path, row, problem):
    (tmp_path / "coin_Ant.csv").write_text(f"{COIN}{row}\n")
    with pytest.raises(DataError, match=re.escape(problem)):
        crypto_prices_files.read(tmp_path)


def ego(folder, number=5, **files):
    content = {
        "featnames": "0 home;anonymized feature 77\n1 work;anonymized feature 3\n",
        "egofeat": "1 0\n",
        "feat": "12 0 1\n7 1 1\n9 0 0\n",
        "edges": "12 7\n7 12\n",
        "circles": "circle0\t7\t12\ncircle1\n",
    }
    for kind, text in (content | files).items():
        (folder / f"{number}.{kind}").write_text(text)


def test_an_ego_network_becomes_rows_of_nodes_with_shared_features(tmp_path):
    ego(tmp_path)
    ego(tmp_path, 2, featnames="0 work;anonymized feature 3\n1 home;anonymized feature 10\n", egofeat="0 1\n")
    made = facebook_ego_files.read(tmp_path)
    assert made["ego_ids"].tolist() == [2, 5]
    assert made["node_id"].tolist() == [2, 12, 7, 9, 5, 12, 7, 9]
    assert made["node_ego"].tolist() == [0] * 4 + [1] * 4
    assert made["feature_names"].tolist() == [
        "work;anonymized feature 3",
        "home;anonymized feature 10",
        "home;anonymized feature 77",
    ]
    rows = np.split(made["feat_indices"], made["feat_indptr"][1:-1])
    assert [row.tolist() for row in rows] == [[1], [1], [0, 1], [], [2], [0], [2, 0], []]
    assert made["edges"].tolist() == [[7, 12], [7, 12]]  # each once
    assert made["edge_ego"].tolist() == [0, 1]
    assert made["circle_members"].tolist() == [[0, 0, 7], [0, 0, 12], [1, 0, 7], [1, 0, 12]]


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("featnames", "1 gender;anonymized feature 77\n", "5.featnames, line 1: a number and a name"),
        ("egofeat", "", "5.egofeat is empty"),
        ("egofeat", "1\n", "line 1: 2 flags 0 or 1 are expected, got 1"),
        ("feat", "12 0 1\n7 1 2\n", "5.feat, line 2: 2 flags"),
        ("feat", "12 0 1\n12 0 1\n7 0 0\n", "line 2: node 12 was there before"),
        ("feat", "x 0 1\n", "'x' is no number of a node"),
        ("edges", "12 8\n", "5.edges, line 1: two different nodes of 5.feat are expected, got 12 8"),
        ("edges", "12 12\n", "two different nodes"),
        ("circles", "circle0\t8\n", "5.circles, line 1: circleN and nodes of 5.feat"),
        ("circles", "0\t7\n", "circleN"),
    ],
)
def test_a_damaged_ego_network_is_named(tmp_path, kind, text, problem):
    ego(tmp_path, **{kind: text})
    with pytest.raises(DataError, match=re.escape(problem)):
        facebook_ego_files.read(tmp_path)


def test_a_missing_part_of_an_ego_network_is_named(tmp_path):
    ego(tmp_path)
    (tmp_path / "5.edges").unlink()
    with pytest.raises(DataError, match=r"has no file 5\.edges"):
        facebook_ego_files.read(tmp_path)


SEVENTH = "images_background/Ogham/character01/0001_07.png"


def png(folder, name, ink, size=(105, 105)):
    """Write an image, black where ``ink`` is true."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(~np.broadcast_to(ink, size)).save(path)  # a bool array is a picture of one bit a pixel


def omniglot(folder, drawers=20):
    """Two alphabets: character 1 has drawings of d full rows of ink, character 2 is empty paper."""
    rows = np.arange(105)[:, None]
    for drawer in range(1, drawers + 1):
        name = f"images_background/Ogham/character01/0001_{drawer:02}.png"
        png(folder, name, rows < 4 * drawer)
        png(folder, f"images_evaluation/Runes/character05/0002_{drawer:02}.png", np.array(False))
    return folder


def test_omniglot_is_ordered_and_averaged_over_the_pixels_covered(tmp_path):
    made = omniglot_files.read(omniglot(tmp_path))
    assert made["images"].shape == (40, 28, 28)
    assert made["character"].tolist() == [0] * 20 + [1] * 20
    assert made["drawer"].tolist() == list(range(40))
    assert made["drawer_in_alphabet"].tolist() == [*range(20), *range(20)]
    assert made["character_in_alphabet"].tolist() == [0] * 20 + [4] * 20
    assert made["split"].tolist() == [0] * 20 + [1] * 20
    assert made["alphabet_names"].tolist() == ["Ogham", "Runes"]
    assert made["character_alphabet"].tolist() == [0, 1]
    assert (made["images"][20:] == 0).all()
    # 28 rows of 3.75 pixels cover 4, 4, 3, 4 of the 105 in turn: 8 rows of ink fill two, 12 a third and 1/4 of a fourth
    assert made["images"][1][:, 0].tolist() == [255, 255] + [0] * 26
    assert made["images"][2][:, 5].tolist() == [255, 255, 255, 64] + [0] * 24


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: (f / SEVENTH).unlink(), "0001 has not drawings 1 … 20: see number 7"),
        (lambda f: (f / SEVENTH).write_bytes(b"x"), "0001_07.png is no image"),
        (lambda f: png(f, SEVENTH, np.array(True), (50, 60)), "60 x 50 pixels"),
        (lambda f: png(f, SEVENTH.replace("r01", "r02"), np.array(True)), "0001_07.png was there before"),
        (lambda f: (f / "images_evaluation").rename(f / "else"), "of images_evaluation"),
    ],
)
def test_damaged_omniglot_is_named(tmp_path, change, problem):
    change(omniglot(tmp_path))
    with pytest.raises(DataError, match=re.escape(problem)):
        omniglot_files.read(tmp_path)


BODY = (
    *("Hips", "Spine", "Chest", "Neck", "Head", "Shoulder_L", "UpperArm_L", "LowerArm_L", "Hand_L", "Shoulder_R"),
    *("UpperArm_R", "LowerArm_R", "Hand_R", "UpperLeg_L", "LowerLeg_L", "Foot_L", "Toes_L", "UpperLeg_R"),
    *("LowerLeg_R", "Foot_R", "Toes_R"),
)


def motion(folder, name, frames, body=BODY, seconds=0.0333333):
    """Write a clip: all joints hang on the root, joint j at x = j cm, y = the frame's number."""
    joints = "".join(f"JOINT {j}\n{{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n}}\n" for j in body)
    rows = "".join("0 0 0 " + " ".join(f"{j} {f} 0.25" for j in range(len(body))) + " \n" for f in range(frames))
    head = "HIERARCHY\nROOT joint_Root\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n"
    text = f"{head}{joints}}}\nMOTION\nFrames:\t{frames}\nFrame Time:\t{seconds}\n{rows}"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def test_motion_is_thinned_cut_and_chosen(tmp_path):
    motion(tmp_path, "dataset-1_walk-left_not-confident_002.bvh", 7)
    motion(tmp_path, "dataset-1_bow_active_001.bvh", 400)
    for take in range(1, 31):
        motion(tmp_path / "two", f"dataset-2_walk_active_{take:03}.bvh", 10)
    made = bandai_motion_files.read(tmp_path)
    assert made["style_names"].tolist() == ["1:active", "1:not-confident", "2:active"]
    assert made["content_names"].tolist() == ["bow", "walk", "walk-left"]
    assert made["clip_length"].tolist() == [150, 4] + [4] * 12
    assert made["clip_fps"].tolist() == [15, 15] + [10] * 12
    assert made["clip_take"].tolist() == [1, 2, 1, 4, 6, 9, 12, 14, 17, 19, 22, 25, 27, 30]
    assert made["clip_set"].tolist() == [1, 1] + [2] * 12
    assert made["clip_start"].tolist() == [0, 150, *range(154, 202, 4)]
    assert made["joint_names"].tolist() == list(BODY)
    assert made["joint_parent"].tolist() == [-1] * JOINTS  # the root is no joint of the body
    assert made["positions_mm"].dtype == np.int16
    assert made["positions_mm"][150:154, :, 1].tolist() == [[10 * f] * JOINTS for f in (0, 2, 4, 6)]
    assert made["positions_mm"][0].tolist() == [[10 * j, 0, 2] for j in range(JOINTS)]  # 2.5 rounds to even


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"body": BODY[:-1]}, "20 joints, expected 21 with Head"),
        ({"body": ("Head_2", *BODY[1:4], "Hed", *BODY[5:])}, "expected 21 with Head"),
        ({"seconds": 0.01}, "a frame lasts 0.01 s"),
        ({"body": (*BODY[:-2], BODY[-1], BODY[-2])}, "the skeleton is not that of"),
        ({"frames": 5000}, "more than 32 m from the origin"),
    ],
)
def test_damaged_motion_is_named(tmp_path, arguments, problem):
    motion(tmp_path, "dataset-1_bow_active_001.bvh", 5)
    motion(tmp_path, "dataset-1_bow_sad_001.bvh", **{"frames": 5, **arguments})
    if "frames" in arguments:  # y is the frame's number in centimetres, and of each clip 300 are looked at
        text = (tmp_path / "dataset-1_bow_sad_001.bvh").read_text()
        (tmp_path / "dataset-1_bow_sad_001.bvh").write_text(text.replace(" 0 0.25", " 3300 0.25"))
    with pytest.raises(DataError, match=re.escape(problem)):
        bandai_motion_files.read(tmp_path)


def test_a_cut_motion_file_is_named(tmp_path):
    motion(tmp_path, "dataset-1_bow_active_001.bvh", 50)
    path = tmp_path / "dataset-1_bow_active_001.bvh"
    path.write_text(path.read_text()[:-300])
    with pytest.raises(DataError, match=r"dataset-1_bow_active_001\.bvh is damaged: 50 frames are declared"):
        bandai_motion_files.read(tmp_path)


@pytest.mark.parametrize(
    ("maker", "wanted"),
    [
        (bandai_motion_files, "dataset-SET_CONTENT_STYLE_TAKE.bvh"),
        (banking77_files, "train.csv"),
        (clinc150_files, "data_full.json"),
        (crypto_prices_files, "coin_NAME.csv"),
        (facebook_ego_files, "107.feat"),
        (omniglot_files, "images_background and images_evaluation"),
        (vr_head_sit_files, "processed_data.csv"),
        (watch_gestures_files, "watch_dataset.npy"),
    ],
)
def test_an_empty_folder_is_told_what_it_should_hold(maker, wanted, tmp_path):
    with pytest.raises(DataError, match=re.escape(wanted)) as caught:
        maker.read(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
