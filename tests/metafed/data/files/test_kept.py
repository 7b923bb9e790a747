"""What a node keeps on disk of its clients: the same rows, of the same content, and nothing that can run."""

import numpy as np
import pytest

from metafed.core.episodes import Examples
from metafed.data.files import kept
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from tests.metafed.data.table.own import describe, rows

TASKS = ("personalization", "assistant", "avatar", "environment", "assets", "social", "omniglot:5w1s")


def same(one, other):
    assert one.group == other.group
    for name in kept.ARRAYS:
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None)
        if left is not None:
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)


def people(folder, **changes):
    federation = Federation(Experiment(**{"clients": 6, "unseen": 0.5, **changes}))
    federation.population.keep(folder, federation.origins)
    return federation.population


@pytest.mark.parametrize("task", TASKS)
def test_rows_from_disk_are_those_that_were_made(task, tmp_path, some_data):
    settings = {"tasks": task, "data_dir": str(some_data)}
    plain = Federation(Experiment(clients=6, unseen=0.5, **settings)).population
    for _ in range(2):  # made, then read
        there = people(tmp_path, **settings)
        for client in (0, 5):
            same(plain.split(client).own, there.split(client).own)
            left, right = (one.evaluation([client]).rows[0] for one in (plain, there))
            assert left.query.tolist() == right.query.tolist()
    assert len(list(tmp_path.glob("*/[05].npz"))) == 2


def test_what_is_read_is_what_lies_on_disk(tmp_path):
    own = people(tmp_path, tasks="sinusoid").split(0).own
    (path,) = tmp_path.glob("sinusoid-*/0.npz")
    kept.write(path, own._replace(x=own.x + 1))
    np.testing.assert_array_equal(people(tmp_path, tasks="sinusoid").split(0).own.x, own.x + 1)


def test_another_seed_split_or_code_is_another_folder(tmp_path, monkeypatch):
    people(tmp_path, tasks="sinusoid").split(0)
    people(tmp_path, tasks="sinusoid", seed=1).split(0)
    people(tmp_path, tasks="sinusoid", unseen=0.0).split(0)
    monkeypatch.setattr(kept, "code", lambda: "other")
    people(tmp_path, tasks="sinusoid").split(0)
    assert len(list(tmp_path.glob("sinusoid-*"))) == 4


def test_a_file_that_changes_is_read_anew_however_it_is_dated(tmp_path):
    import os

    path, cache = describe(tmp_path, table=rows(8)), tmp_path / "cache"
    task = f"people:{path}"
    before = people(cache, tasks=task, clients=8).split(0).own
    table = tmp_path / "people.csv"
    stat = table.stat()
    describe(tmp_path, table=[{**row, "age": 90 - row["age"]} for row in rows(8)])
    os.utime(table, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = people(cache, tasks=task, clients=8).split(0).own
    assert len([folder for folder in cache.iterdir() if folder.name != "files"]) == 2
    assert not np.array_equal(before.x, after.x)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", None, b"pickle"])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    own = people(tmp_path, tasks="sinusoid").split(0).own
    (path,) = tmp_path.glob("sinusoid-*/0.npz")
    if damage is None:
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == b"pickle":
        with path.open("wb") as file:
            np.savez(file, group=np.array("all"), x=np.array([object()]), y=own.y, oracle_score=own.oracle_score)
    else:
        path.write_bytes(damage)
    assert kept.read(path) is None
    same(people(tmp_path, tasks="sinusoid").split(0).own, own)
    assert isinstance(kept.read(path), Examples)


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path):
    (tmp_path / "file").write_text("in the way")
    same(people(tmp_path / "file", tasks="sinusoid").split(0).own, people(tmp_path, tasks="sinusoid").split(0).own)
