"""A file of a few kilobytes cannot fill the memory: what it would unpack to is counted before, and refused by name."""

import gzip
import io
import tracemalloc
import zipfile

import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.data.files import bounds
from tests.metafed.data.table.own import describe, source

PARQUET = 'data = "t.parquet"\nclient = "who"\ntarget = "y"\nfeatures = ["x"]\n'
ARCHIVE = PARQUET.replace("t.parquet", "t.npz")


def zeros(count, dtype="<f8"):
    """Return the bytes of an .npy file of zeros, piece by piece: it is larger than what a test should hold."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": (count,)})
    yield header.getvalue()
    left = count * np.dtype(dtype).itemsize
    while left:
        piece = min(left, 2**24)
        yield bytes(piece)
        left -= piece


def bomb(path, count):
    """Write an archive of a few hundred kilobytes whose arrays take 8 ``count`` bytes each."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("who", "x", "y"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                for piece in zeros(count):
                    file.write(piece)


def test_an_archive_that_unpacks_to_more_than_it_may_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "ARCHIVE", 2**26)
    bomb(tmp_path / "t.npz", 2**22)  # 32 MiB each
    assert (tmp_path / "t.npz").stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(DataError, match=r"t\.npz: the arrays that are used unpack to 0\.1 GiB.*Parquet"):
        source(describe(tmp_path, ARCHIVE))
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_what_an_archive_holds_besides_does_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "ARCHIVE", 2**20)
    who, rng = np.repeat(["a", "b", "c"], 10), np.random.default_rng(0)
    own = {"who": who, "x": rng.random(30), "y": np.arange(30) % 2}
    np.savez(tmp_path / "t.npz", photographs=np.zeros(2**18), **own)
    assert source(describe(tmp_path, ARCHIVE)).clients == 3


def test_a_header_that_claims_more_than_there_is_is_damage(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        for name in ("who", "x", "y"):
            archive.writestr(f"{name}.npy", next(zeros(2**40)) + bytes(80))
    with pytest.raises(DataError, match="is damaged"):
        source(describe(tmp_path, ARCHIVE))


def test_rows_of_nothing_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        for name in ("who", "x", "y"):
            archive.writestr(f"{name}.npy", next(zeros(2**40, "<U0")))
    with pytest.raises(DataError, match="has 1,099,511,627,776 rows of nothing"):
        source(describe(tmp_path, ARCHIVE))


def test_a_compressed_text_file_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(gzip.compress(b"who,x,y\n" + b"a,1,0\n" * 100))
    with pytest.raises(DataError, match=r"t\.csv is compressed \(gzip\): unpack it first"):
        source(describe(tmp_path, PARQUET.replace("parquet", "csv")))


@pytest.mark.parametrize("most", [8999, 9000])
def test_a_client_with_more_cells_than_can_be_held_is_named(tmp_path, monkeypatch, most):
    who = pl.Series("who", ["a"] * 20 + ["b"] * 3000)
    frame = pl.DataFrame({"who": who, "x": np.zeros(3020), "y": np.arange(3020) % 2})
    frame.write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(bounds, "CELLS", most)
    made = source(describe(tmp_path, PARQUET))
    if most == 9000:
        assert made.clients == 2
        return
    with pytest.raises(DataError, match="client 'b' has 3,000 rows of 3 numbers or texts, more than 8,999 in all"):
        assert made.clients


def test_a_client_with_more_text_than_can_be_held_is_named(tmp_path, monkeypatch):
    # one text, of which a Parquet file keeps a copy and numbers: a few kilobytes that would be gigabytes as objects
    texts = ["long " * 2000] * 500 + ["short"] * 20
    frame = pl.DataFrame({"who": ["a"] * 500 + ["b"] * 20, "x": texts, "y": np.arange(520) % 2})
    frame.write_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    monkeypatch.setattr(bounds, "TEXTS", 1_000_000)
    with pytest.raises(DataError, match=r"client 'a' has 5,000,500 bytes of texts, more than 1,000,000"):
        assert source(describe(tmp_path, PARQUET)).clients


def test_a_table_with_more_rows_than_any_is_refused(tmp_path, monkeypatch):
    pl.DataFrame({"who": ["a"] * 50, "x": np.zeros(50), "y": np.arange(50) % 2}).write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(bounds, "ROWS", 49)
    with pytest.raises(DataError, match=r"has 50 rows, more than 49"):
        source(describe(tmp_path, PARQUET))


def test_a_partition_of_more_than_can_be_read_whole_is_refused(tmp_path, monkeypatch):
    pl.DataFrame({"x": np.zeros(50), "y": np.arange(50) % 2}).write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(bounds, "WHOLE", 99)
    said = PARQUET.replace('client = "who"', 'partition = {kind = "iid", clients = 5}')
    with pytest.raises(DataError, match="50 rows of 2 numbers or texts, and a partition reads all of them"):
        assert source(describe(tmp_path, said)).clients


@pytest.mark.parametrize(
    ("place", "value"),
    [("flags", 1), ("version", 122), ("method", 99)],
    ids=["encrypted", "a later version of zip", "an unknown compression"],
)
def test_an_archive_that_python_cannot_unpack_is_damage(tmp_path, place, value):
    people = {"who": np.repeat(["a", "b", "c"], 10), "x": np.arange(30.0), "y": np.arange(30) % 2}
    np.savez(tmp_path / "t.npz", **people)
    content = bytearray((tmp_path / "t.npz").read_bytes())
    here = content.find(b"PK\x01\x02")
    while here >= 0:  # in every entry of the directory
        content[here + {"version": 6, "flags": 8, "method": 10}[place]] = value
        here = content.find(b"PK\x01\x02", here + 4)
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        source(describe(tmp_path, ARCHIVE))
