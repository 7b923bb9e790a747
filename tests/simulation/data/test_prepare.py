"""``prepare``: publishers' files become a prepared file, or nothing."""

import resource
from pathlib import Path

import numpy as np
import pytest

from metafed.data.sets.movielens100k.maker import GENRES, OCCUPATIONS
from simulation.data.command import main

TARGET = Path("movielens100k/movielens100k.npz")


def prepare(source, out, *more):
    return main(["prepare", "movielens100k", "--from", str(source), "--data-dir", str(out), *more])


def test_own_files_become_the_expected_arrays(tiny, tmp_path, capsys):
    # the folder above is accepted, too
    for number, source in enumerate((tiny, tiny.parent)):
        assert prepare(source, tmp_path / f"out{number}") == 0
        said = capsys.readouterr().out
        assert "; rating 3; item_genres 3x19; item_year 3; user_age 2;" in said
        assert "--tasks personalization:movielens100k: 0 clients" in said
        assert "licence: research use" in said
        with np.load(tmp_path / f"out{number}" / TARGET, allow_pickle=False) as made:
            assert made["user"].tolist() == [0, 1, 0]
            assert made["item"].tolist() == [0, 2, 1]
            assert made["rating"].tolist() == [5, 1, 3]
            assert [np.array(GENRES)[row].tolist() for row in made["item_genres"]] == [
                ["Comedy", "Drama"],
                ["unknown"],
                ["War"],
            ]
            assert made["item_year"].tolist() == [1995, 0, 1942]
            assert made["user_age"].tolist() == [24, 53]
            assert made["user_gender"].tolist() == ["M", "F"]
            assert [OCCUPATIONS[i] for i in made["user_occupation"]] == ["technician", "other"]


def test_recboles_files_become_the_known_counts(movielens_data):
    with np.load(movielens_data / TARGET, allow_pickle=False) as made:
        assert len(made["rating"]) == 100_000
        assert np.bincount(made["rating"]).tolist() == [0, 6110, 11370, 27145, 34174, 21201]
        assert made["item_genres"].shape == (1682, 19)
        assert dict(zip(GENRES, made["item_genres"].sum(0), strict=True))["Drama"] == 725
        assert len(made["user_age"]) == 943


def test_an_existing_file_is_kept_unless_told_otherwise(tiny, tmp_path, capsys):
    target = tmp_path / TARGET
    assert prepare(tiny, tmp_path) == 0
    target.write_bytes(b"mine")
    assert prepare(tiny, tmp_path) == 2
    assert target.read_bytes() == b"mine"
    assert "--overwrite" in capsys.readouterr().err
    assert prepare(tiny, tmp_path, "--overwrite") == 0
    assert target.read_bytes() != b"mine"
    assert [path.name for path in target.parent.iterdir()] == [target.name]  # nothing half-written


@pytest.mark.parametrize(
    ("name", "text", "line", "problem"),
    [
        ("u.data", "1\t1\t5\t881250949\n2\t3\n", 2, "2 fields, expected 4"),
        ("u.data", "1\t1\t5\t881250949\n\n2\t3\t6\t1\n", 3, "rating '6'"),
        ("u.data", "9\t1\t5\t881250949\n", 1, "user 9 is unknown"),
        ("u.data", "1\t99\t5\t881250949\n", 1, "item 99 is unknown"),
        ("u.user", "1|24|M|technician|85711\n1|53|F|other|94043\n", 2, "id 1 was there before"),
        ("u.user", "1|old|M|technician|85711\n", 1, "invalid literal"),
        ("u.user", "1|24|X|technician|85711\n", 1, "gender 'X'"),
        ("u.user", "1|24|M|wizard|85711\n", 1, "occupation 'wizard'"),
        ("u.item", "1|a|01-Jan-1995||x" + "|0" * 18 + "\n", 1, "23 fields, expected 24"),
        ("u.item", "1|a|01-Jan-1995||x" + "|2" * 19 + "\n", 1, "flag"),
    ],
)
def test_a_damaged_line_is_named(tiny, tmp_path, capsys, name, text, line, problem):
    (tiny / name).write_text(text, encoding="latin-1")
    assert prepare(tiny, tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith("metafed: ")
    assert error.count("\n") == 1
    assert f"{tiny / name}, line {line}: " in error
    assert problem in error
    assert not (tmp_path / TARGET).exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "where", "problem"),
    [
        ("ml-100k.inter", "rating:float", "stars:float", "line 1", "columns ['rating'] are missing"),
        ("ml-100k.inter", "\n196\t242\t3\t", "\n196\t242\t", "line 2", "3 fields, expected 4"),
        ("ml-100k.item", "Animation Children's", "Animated Children's", "line 2", "genre 'Animated'"),
    ],
)
def test_damaged_recbole_files_are_named(movielens_dir, tmp_path, capsys, name, old, new, where, problem):
    for kind in ("inter", "item", "user"):
        (tmp_path / f"ml-100k.{kind}").symlink_to(movielens_dir / f"ml-100k.{kind}")
    text = (movielens_dir / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).unlink()
    (tmp_path / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert prepare(tmp_path, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / name}, {where}: " in error
    assert problem in error


def test_missing_files_and_unknown_names_end_with_2_and_one_line(tmp_path, capsys):
    def command(*words):
        assert main([*words]) == 2
        said = capsys.readouterr().err
        assert said.startswith("metafed: ")
        assert said.count("\n") == 1
        return said

    error = command("prepare", "movielens100k", "--from", str(tmp_path), "--data-dir", str(tmp_path / "out"))
    for part in (str(tmp_path), "u.data", "ml-100k.inter"):
        assert part in error
    assert "did you mean 'movielens100k'" in command("prepare", "movielens", "--from", str(tmp_path))
    assert f"{tmp_path / 'none'}: no such file" in command("prepare", "clinc150", "--from", str(tmp_path / "none"))
    assert not (tmp_path / "out").exists()


def test_a_reader_goes_by_the_name_of_its_data_set(tmp_path, capsys):
    for name in ("20w5s", "omniglot:drawers", "omniglot"):
        assert main(["prepare", name, "--from", str(tmp_path), "--data-dir", str(tmp_path)]) == 2
        assert "of images_background and images_evaluation" in capsys.readouterr().err


def test_what_its_reader_refuses_is_not_put_in_place(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("text,category\none,a\n")
    (tmp_path / "test.csv").write_text("text,category\ntwo,a\n")
    assert main(["prepare", "banking77", "--from", str(tmp_path), "--data-dir", str(tmp_path / "out")]) == 2
    assert "1 intents, at least 5 are needed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["movielens100k", "crypto_prices"])
def test_no_room_for_the_file_leaves_nothing(name, tiny, tmp_path, capsys):
    days = "".join(f"1,Ant,ANT,{1700 + n}-01-01,8,5,6,7,{n * 7919 % 1013},0\n" for n in range(300))
    (tmp_path / "coin_Ant.csv").write_text(f"SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap\n{days}")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        assert main(["prepare", name, "--from", str(tmp_path), "--data-dir", str(tmp_path / "out")]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert error.startswith(f"metafed: --data-dir {tmp_path / 'out'}: no room")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_data_folder_that_cannot_be_written_is_named(tiny, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert prepare(tiny, tmp_path / "file") == 2
    assert f"--data-dir {tmp_path / 'file'}" in capsys.readouterr().err
