"""The index leads to the rows of each client, and is on disk where there are many."""

import pickle
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.core.errors import DataError
from metafed.core.streams import stream
from metafed.data.table import index, places
from metafed.data.table.index import indexed
from tests.metafed.data.table.test_given import NUMBERS, checked, frame


def scattered(kind, rows=400, clients=23):
    """Return rows of clients that are called by values of one type, one of them by no value."""
    numbers = stream(0, "tests/scattered").permutation(rows) % clients
    who = pl.Series("who", numbers).cast(pl.String)
    who = {"text": who, "number": who.cast(pl.Int64), "category": who.cast(pl.Categorical)}[kind]
    return pl.DataFrame({"who": who.set(who.cast(pl.String) == "7", None), "row": np.arange(rows)})


@pytest.mark.parametrize("kind", ["text", "number", "category"])
@pytest.mark.parametrize("piece", [1, 7, 50, 1000])
def test_rows_of_a_client_are_successive_and_in_their_order(kind, piece, monkeypatch):
    monkeypatch.setattr(index, "PIECE", piece)
    frame = scattered(kind)
    found = indexed(frame, "who")
    assert found.order.dtype == pl.UInt32
    in_turn = found.rows(0, len(frame)).collect()
    # client by client in the order of the first row of each
    assert in_turn.equals(frame.sort(pl.col("row").min().over("who"), "row"))


@pytest.mark.parametrize("together", [True, False])
def test_pieces_hold_whole_clients(together, monkeypatch):
    monkeypatch.setattr(index, "PIECE", 50)
    frame = scattered("text")
    frame = frame.sort(pl.col("who").hash(seed=3), maintain_order=True) if together else frame
    found = indexed(frame, "who")
    assert (found.order is None) is together
    pieces = [(first, piece.collect()) for first, piece in found.pieces(["who"])]
    assert len(pieces) == 8
    assert [first for first, _ in pieces] == [0, *np.cumsum([len(piece) for _, piece in pieces])[:-1]]
    whose = [set(piece["who"]) for _, piece in pieces]
    assert sum(map(len, whose)) == len(set.union(*whose)) == 23


def test_rows_that_lie_together_need_no_index():
    found = indexed(scattered("number").sort("who"), "who")
    assert found.order is None
    assert found.ends == (400,)


def test_rows_of_one_client_that_lie_together_are_those_of_a_shuffled_frame():
    parted = frame().sort("user", descending=True, maintain_order=True)
    turns = pl.int_range(pl.len()).over("user")
    shuffled = parted.sort(turns, "user", maintain_order=True)
    one, other = (checked(mf.Family.from_frame("games", each, **NUMBERS)) for each in (parted, shuffled))
    for client in range(8):
        assert np.array_equal(one.population.split(client).own.x, other.population.split(client).own.x)


def test_a_shuffled_frame_is_not_copied():
    rng = stream(0, "tests/shuffled")
    rows = pl.DataFrame({"user": rng.permutation(240) % 12, "x": rng.normal(size=240), "y": rng.integers(0, 2, 240)})
    family = mf.Family.from_frame("games", rows, client="user", target="y", features=["x"])
    who = checked(family).sources[0]._loaded.people
    assert np.shares_memory(who.index.frame.collect()["x"].to_numpy(), rows["x"].to_numpy())
    for client, name in enumerate(who.names):
        assert who.rows(client).select(rows.columns).collect().equals(rows.filter(pl.col("user") == int(name)))


@pytest.mark.parametrize("kind", ["text", "number", "category"])
@pytest.mark.parametrize(("piece", "bucket"), [(1, 1000), (7, 1), (50, 60), (1000, 399)])
def test_an_index_on_disk_is_the_one_in_memory(kind, piece, bucket, monkeypatch):
    monkeypatch.setattr(index, "PIECE", piece)
    monkeypatch.setattr(places, "BUCKET", bucket)
    frame = scattered(kind)
    held = indexed(frame, "who")
    monkeypatch.setattr(index, "IN_MEMORY", 10)
    found = indexed(frame, "who")
    assert isinstance(held.order, pl.Series)
    assert isinstance(found.order, places.Places)
    for first, length in ((0, 400), (0, 1), (17, 60), (399, 1), (5, 0)):
        assert found.rows(first, length).collect().equals(held.rows(first, length).collect())


def test_another_process_gets_the_numbers_of_an_index_on_disk(monkeypatch):
    monkeypatch.setattr(index, "IN_MEMORY", 10)
    found = indexed(scattered("text"), "who")
    assert pickle.loads(pickle.dumps(found.order)).equals(found.order.slice(0, 400))


def test_an_index_that_cannot_be_written_is_refused_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(index, "IN_MEMORY", 10)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"an index of 400 rows cannot be written .* Sort the rows by 'who', or name"):
        indexed(scattered("text"), "who")


@pytest.mark.slow
@pytest.mark.parametrize("lie", ["together", "scattered"])
def test_memory_beyond_the_frame_does_not_grow(lie):
    words = [sys.executable, "-m", "benchmarks.indexing", *(["--scattered"] if lie == "scattered" else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    few, many = (int(line.split()[2]) for line in done.stdout.splitlines())
    assert many - few < 3 * 3_000_000, done.stdout
