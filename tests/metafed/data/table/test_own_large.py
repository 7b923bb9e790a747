"""A large table of one's own gives the rows that it would give in memory, and is not loaded."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from metafed.core.streams import stream
from metafed.data.files import copies
from metafed.data.table import tables
from tests.metafed.data.table.own import PLAIN, alike, describe, everyone, rows, source, write_csv


@pytest.fixture
def small_is_large(tmp_path, monkeypatch):
    """Take every table for a large one, and copy few rows at a time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "LARGE", 0)
    monkeypatch.setattr(tables, "LARGE_CSV", 0)
    monkeypatch.setattr(copies, "STEP", 50)


@pytest.mark.parametrize("form", ["csv", "scattered.parquet", "sorted.parquet"])
def test_a_large_table_gives_the_rows_that_it_would_give_in_memory(tmp_path, form, request):
    table = rows(30)
    inside = everyone(source(describe(tmp_path, table=table), unseen_from=20))
    request.getfixturevalue("small_is_large")
    frame = pl.DataFrame([{**row, "person": row["person"]} for row in table])
    if form.startswith("sorted"):
        # together, but in no order of names
        frame = frame.sort(pl.col("person").hash(seed=3), maintain_order=True)
    if form != "csv":
        frame.write_parquet(tmp_path / form, row_group_size=16)
    name = "people.csv" if form == "csv" else form
    path = describe(tmp_path, PLAIN.replace("people.csv", name), name=f"{form}.toml")
    if form == "csv":
        write_csv(tmp_path / "people.csv", table)
    outside = source(path, unseen_from=20)
    found = everyone(outside)
    assert found.keys() == inside.keys()
    assert all(alike(inside[who], found[who]) for who in inside)
    copied = list((tmp_path / "cache" / "metafed").glob("*.parquet")) if form != "sorted.parquet" else []
    assert [note for note in outside.notes if "sorted" in note] == [
        f"read from a copy sorted by 'person': {c}" for c in copied
    ]
    assert not list((tmp_path / "cache").glob("metafed/draft-*"))


def test_a_copy_is_made_once_and_anew_when_the_file_changes(tmp_path, small_is_large):
    pl.DataFrame(rows(10)).write_parquet(tmp_path / "t.parquet")
    path = describe(tmp_path, PLAIN.replace("people.csv", "t.parquet"))
    assert source(path).clients == source(path, seed=1).clients == 10
    assert len(list((tmp_path / "cache" / "metafed").iterdir())) == 1
    pl.DataFrame(rows(11)).write_parquet(tmp_path / "t.parquet")
    assert source(path).clients == 11
    assert len(list((tmp_path / "cache" / "metafed").iterdir())) == 2


# getrusage would count the process that started this one
PEAK = """
import re, sys
from pathlib import Path
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
federation = Federation(Experiment(tasks="big:" + sys.argv[1], clients=int(sys.argv[2]), cohort=50))
preflight(federation)
people = federation.population
for client in people.roster.cohort(1):
    assert len(people.split(client).own.y) == 50
print("peak", re.search("VmHWM: *[^0-9]*([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
def test_of_two_million_rows_only_those_of_the_clients_are_in_memory(tmp_path):
    def peak(clients):
        n = 50 * clients
        rng = stream(0, "tests/big")
        columns = {f"f{k}": rng.integers(0, 8, n).astype(np.float64) for k in range(6)}
        frame = pl.DataFrame({"user": np.repeat(np.arange(clients), 50), **columns, "y": rng.integers(0, 3, n)})
        frame.write_parquet(tmp_path / f"{clients}.parquet")
        text = f'data = "{clients}.parquet"\nclient = "user"\ntarget = "y"\nfeatures = "f*"\n'
        path = describe(tmp_path, text, name=f"{clients}.toml")
        words = [sys.executable, "-c", PEAK, str(path), str(clients)]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
        return int(done.stdout.rsplit("peak ", 1)[1]) / 1024, frame.estimated_size() / 2**20

    small, _ = peak(1_000)
    large, whole = peak(40_000)
    assert whole > 110
    # a list of the clients and a few row groups, some 30 MB
    assert large - small < 60
