"""``check``: what is sound is said to be so with its counts; what is not is named, in one line, with exit code 2."""

import hashlib

import numpy as np
import polars as pl
import pytest

from metafed.core.episodes import Examples, Shots
from metafed.core.streams import stream
from metafed.data.sets.invariants import broken
from simulation.data.command import main
from simulation.data.sets import readers
from simulation.data.sources import people
from tests.metafed.data.damage import altered, truncated
from tests.metafed.data.table.own import PLAIN, describe
from tests.metafed.data.table.own import rows as ratings


def check(*words):
    return main(["check", *map(str, words)])


def known(readers_of, folders):
    """Yield each prepared file that is here once, with its first reader."""
    found = {}
    for reader in readers_of:
        path = reader.kind.find(folders)
        if path is not None:
            found.setdefault(path, reader)
    return found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("movielens100k", ("personalization:movielens100k: sound", "clients 943", "rows 100,000: 20 to 737 a client")),
        ("avatar:bandai_motion", ("clients 43", "27 features, 54 targets, 22 groups", "personas with a pose that")),
        pytest.param(
            "clinc150",
            ("assistant:clinc150: sound", "clients 30 read of any number", "5 training texts that"),
            marks=pytest.mark.slow,  # each pair of texts is compared
        ),
        ("20w5s", ("omniglot:20w5s: sound", "clients 60 read of any number, of whom 30 held out", "2 groups")),
        ("personalization", ("personalization:generated: sound", "clients 30 read of any number")),
    ],
)
def test_a_sound_data_set_is_counted(name, said, shared_data, movielens_data, capsys):
    assert check(name, "--data-dir", f"{shared_data}:{movielens_data}", "--clients", 30) == 0
    shown = capsys.readouterr().out
    for part in said:
        assert part in shown


def test_a_file_is_read_by_its_readers_wherever_it_lies(some_data, tmp_path, capsys):
    path = tmp_path / "crypto_daily.parquet"
    path.write_bytes((some_data / "crypto_prices" / "crypto_daily.parquet").read_bytes())
    assert check(path) == 0
    shown = capsys.readouterr().out
    assert "assets:crypto_prices: sound" in shown
    assert f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in shown
    path.rename(tmp_path / "prices.parquet")
    assert check(tmp_path / "prices.parquet") == 2
    assert "a prepared file has one of the names" in capsys.readouterr().err


def test_every_cut_file_is_refused_in_one_line(shared_data, movielens_data, tmp_path, capsys):
    found = known(readers(), (shared_data, movielens_data))
    assert len(found) >= 5
    for path in found:
        truncated(path, tmp_path / path.name)
        assert check(tmp_path / path.name) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"metafed: {tmp_path / path.name} is damaged")
        assert error.count("\n") == 1


def test_numbers_that_are_not_finite_are_found_in_whoever_has_them(shared_data, tmp_path, capsys):
    table = pl.read_parquet(shared_data / "crypto_prices" / "crypto_daily.parquet")
    spoilt = table.with_columns(close=pl.when(pl.int_range(pl.len()) == 20_000).then(float("nan")).otherwise("close"))
    spoilt.write_parquet(tmp_path / "crypto_daily.parquet")
    assert check(tmp_path / "crypto_daily.parquet") == 2
    assert str(tmp_path / "crypto_daily.parquet") in capsys.readouterr().err


def test_a_wrong_array_is_named(shared_data, tmp_path, capsys):
    source = shared_data / "bandai_motion" / "bandai_motion.npz"
    altered(source, tmp_path / source.name, clip_length=np.full(1014, 10_000, np.int16))
    assert check(tmp_path / source.name) == 2
    assert "a clip lies outside of the 59502 frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("movilens100k", "unknown data set or family 'movilens100k'; did you mean 'movielens100k'?"),
        ("avatar:bandai_moton", "did you mean 'bandai_motion'?"),
        ("movielens100k", "movielens100k/movielens100k.npz is missing; searched: "),
        ("5w1s", "'5w1s' is the name of several data sets: omniglot:5w1s, miniimagenet:5w1s"),
        ("assistant,avatar", "unknown data set or family 'assistant,avatar'"),
        ("assistant:generated,avatar", "names several tasks"),
        ("none.toml", "none.toml: no such file"),
    ],
)
def test_what_is_not_there_is_told(name, problem, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check(name, "--data-dir", tmp_path) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("clients", [0, 10**24])
def test_clients_of_no_number_that_can_be_read_are_refused(clients, capsys):
    assert check("assistant", "--clients", clients) == 2
    assert f"--clients {clients}: at least 1 is needed, and at most 10,000,000" in capsys.readouterr().err
    assert main(["describe", "assistant", "--clients", str(clients)]) == 2
    assert "at most 10,000,000" in capsys.readouterr().err


def test_a_path_that_is_too_long_is_one_message(capsys):
    assert main(["check", "bandai_motion", "--data-dir", "x" * 5000]) == 2
    assert main(["check", "x" * 5000]) == 2
    said = capsys.readouterr().err
    assert said.count("File name too long") == said.count("\n") == 2
    assert len(said) < 600


SHOTS = Shots(support=1, query=1, evaluation=1, per_class=False)


def rows(n=8, **changed):
    sound = {
        "x": np.ones((n, 3), np.float32),
        "y": np.arange(n) % 2,
        "group": "all",
        "oracle_score": np.full(n, np.nan),
    }
    return Examples(**sound | changed)


@pytest.mark.parametrize(
    ("own", "kind", "problem"),
    [
        (rows(), "classification", ""),
        (rows(y=np.ones((8, 2))), "regression", ""),
        (rows(x=np.ones((8, 4))), "classification", "x has shape (8, 4), expected (8, 3)"),
        (rows(x=np.full((8, 3), np.inf)), "classification", "not finite"),
        (rows(x=np.ones((8, 3), int)), "classification", "x (int64)"),
        (rows(y=np.ones(8)), "classification", "y is float64"),
        (rows(y=np.arange(8)), "classification", "a class is not one of 0 … 1"),
        (rows(y=np.ones((8, 3))), "regression", "y has shape (8, 3), expected (8, 2)"),
        (rows(y=np.full((8, 2), np.nan)), "regression", "finite"),
        (rows(oracle_score=np.ones(7)), "classification", "oracle_score has 7 rows, not 8"),
        (rows(block=np.arange(9)), "classification", "block has 9 rows, not 8"),
        (rows(group=""), "classification", "the group has no name"),
        (rows(3), "classification", "its 3 rows make no episodes: 3 rows cannot be split"),
        (rows(evaluation=np.arange(8) < 1), "classification", "7 training and 1 evaluation rows"),
        (rows(0), "classification", "its 0 rows make no episodes"),
    ],
)
def test_what_must_hold_of_rows(own, kind, problem):
    said = broken(own, 3, 2, kind, SHOTS, stream(0, "test"))
    assert problem in said
    assert bool(said) == bool(problem)


def test_held_out_clients_are_read_once_beside_the_others(shared_data):
    who = people("omniglot:drawers", (shared_data,), 5)
    assert [len(numbers) for _, numbers in who.parts] == [600, 400]
    tasks = people("omniglot:5w5s", (shared_data,), 5)
    assert [len(numbers) for _, numbers in tasks.parts] == [5, 5]
    assert {own.group for own in tasks.examples()} == {"background set", "evaluation set"}
    assert [len(numbers) for _, numbers in people("assistant:clinc150", (shared_data,), 5).parts] == [5]


def test_the_guard_looks_at_data_of_ones_own_before_there_is_a_run(tmp_path, capsys):
    path = describe(tmp_path, table=ratings(40))
    assert check(f"people:{path}") == 0
    shown = capsys.readouterr().out
    assert "  guard people, all 40 clients: evaluated on labels that the support, which is adapted on, lacks" in shown
    leaking = PLAIN.replace('"genre"]', '"genre", "copy"]')
    table = [{**row, "copy": 2 * row["stars"]} for row in ratings(40)]
    assert check(f"people:{describe(tmp_path, leaking, table)}") == 2
    said = capsys.readouterr()
    assert said.out == ""
    reported = "people, all 40 clients: the target can be read off copy: leave it out of the features"
    assert said.err == f"metafed: {reported}\n"


def test_of_sound_data_the_guard_says_so(shared_data, capsys):
    assert check("watch_gestures", "--data-dir", shared_data) == 0
    assert "  guard found nothing" in capsys.readouterr().out


def test_a_partition_is_shown_by_its_labels(tmp_path, capsys):
    text = PLAIN.replace('client = "person"\n', "") + '[partition]\nkind = "shards"\nclients = 22\n'
    path = describe(tmp_path, text, ratings(30))
    assert check(path) == 0
    shown = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(shown) if line.split() == ["client", "rows", "labels"])
    made = people(f"people:{path}", (), 1).source
    for client in range(20):
        name, count, picture, *labels = shown[start + 1 + client].replace(",", "").split()
        own = next(made.examples(number) for number in range(22) if made.called(number) == name)
        assert (name, int(count)) == (str(client), len(own.y))
        listed = dict(zip((label.rstrip(":") for label in labels[::2]), map(int, labels[1::2]), strict=True))
        rows = np.bincount(own.y, minlength=len(made.labels))
        assert listed == {str(label): int(n) for label, n in zip(made.labels, rows, strict=True) if n}
        assert [block == "·" for block in picture] == [not n for n in rows]
        assert picture[rows.argmax()] == max(picture.replace("·", ""))
    assert shown[start + 21].strip() == "and 2 more clients"
