"""``list`` and the catalogue: everything is named once, with what is known of it."""

import dataclasses
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from metafed.core.errors import DataError
from metafed.data.sets.catalogue import CATALOGUE, ENTRIES, advice
from metafed.data.source import Origin
from simulation.data.command import main
from simulation.data.sets import readers


def lines(capsys):
    rows = capsys.readouterr().out.splitlines()
    return {word: row for row in rows for word in row.split()[:3] if ":" in word or word in CATALOGUE}


def test_list_says_what_is_there(shared_data, movielens_data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["list", "--data-dir", f"{shared_data}:{movielens_data}"]) == 0
    found = lines(capsys)
    for name, task, clients, file in (
        ("movielens100k", "personalization:movielens100k", " 943 ", movielens_data / "movielens100k/movielens100k.npz"),
        ("clinc150", "assistant:clinc150", " any ", shared_data / "intents" / "clinc150.parquet"),
        ("bandai_motion", "avatar:bandai_motion", " 43 ", shared_data / "bandai_motion" / "bandai_motion.npz"),
    ):
        row = found[name]
        assert row == found[task]
        assert f"{file.stat().st_size / 1e6:.1f} MB" in row
        assert all(part in row for part in (task.split(":")[0], clients, str(file)))
    assert "CC BY-NC 4.0, (c) Bandai Namco Research Inc." in found["bandai_motion"]
    assert " 1,000 " in found["omniglot:drawers"]


def test_list_says_what_is_not_there_and_what_is_damaged(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "movielens100k.npz").write_bytes(b"no archive")
    assert main(["list", "--data-dir", str(tmp_path)]) == 0
    found = lines(capsys)
    assert "movielens100k.npz is damaged" in found["movielens100k"]
    assert "not here: prepare bandai_motion" in found["bandai_motion"]
    assert "not here: fetch omniglot" in found["omniglot"]
    assert "↓ 15.9 MB" in found["omniglot"]


def test_in_a_terminal_it_fits_80_columns(tmp_path):
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "simulation.data", "list", "--data-dir", str(tmp_path)]
    plain = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=plain)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 1000)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait() == 0
    rows = shown.decode().splitlines()
    assert max(map(len, rows)) <= 80
    assert any("personalization:movielens100k" in row for row in rows)
    assert any("not here: fetch movielens100k" in row for row in rows)


def test_the_catalogue_is_sound():
    assert len(CATALOGUE) == len(ENTRIES) == len({entry.file for entry in ENTRIES})
    for entry in ENTRIES:
        assert callable(entry.making().read)
        assert entry.page.startswith("https://")
        assert entry.wants
        assert bool(entry.downloads) != bool(entry.get)
        for download in entry.downloads:
            assert download.url.startswith("https://")
            assert len(bytes.fromhex(download.sha256)) == 32
            assert download.sha256 == download.sha256.lower()
            assert download.bytes > 0
        assert len({download.name for download in entry.downloads}) == len(entry.downloads)


def test_every_reader_has_an_entry():
    assert {reader.kind.file for reader in readers()} <= {entry.file for entry in ENTRIES}


def test_a_data_set_without_reader_is_listed_all_the_same(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lone = dataclasses.replace(CATALOGUE["facebook_ego"], name="lone", file=Path("lone.npz"))
    assert main(["list"], {"lone": lone}) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split()[:5] == ["lone", "–", "–", "–", "–"]
    assert "not here: prepare lone" in row


@pytest.mark.parametrize("reader", list(readers()), ids=lambda reader: reader.task)
def test_a_missing_file_tells_how_to_get_it(reader, tmp_path):
    with pytest.raises(DataError) as caught:
        _ = reader.kind(Origin(0, (tmp_path,))).clients
    assert "python -m simulation.data " in str(caught.value)
    assert advice(reader.kind.file) in str(caught.value)
