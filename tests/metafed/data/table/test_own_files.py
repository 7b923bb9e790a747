"""Files of one's own: what a file's name, form and bytes are, and that no other file is read."""

import polars as pl
import pytest

from simulation.run import main
from tests.metafed.data.table.own import PLAIN, describe, rows, source, write_csv


@pytest.mark.parametrize("folder", ["data", "data [2024]"])
@pytest.mark.parametrize("large", [False, True])
def test_a_name_with_brackets_is_a_name_and_no_pattern(tmp_path, monkeypatch, folder, large):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache [1]"))
    if large:
        monkeypatch.setattr("metafed.data.table.tables.LARGE_CSV", 0)
    (tmp_path / folder).mkdir()
    here = tmp_path / folder
    write_csv(here / "t[1].csv", rows(12))
    write_csv(here / "t1.csv", rows(7))
    assert source(describe(here, PLAIN.replace("people.csv", "t[1].csv"))).clients == 12


def test_a_parquet_file_with_a_star_in_its_name_is_read_alone(tmp_path):
    pl.DataFrame(rows(12)).write_parquet(tmp_path / "t*.parquet")
    pl.DataFrame([{**row, "person": f"x{row['person']}"} for row in rows(7)]).write_parquet(tmp_path / "two.parquet")
    assert source(describe(tmp_path, PLAIN.replace("people.csv", "t*.parquet"))).clients == 12


def test_a_record_whose_folder_has_brackets_is_whole(tmp_path):
    out = tmp_path / "lr[0.1]"
    words = ["--tasks", "avatar", "--clients", "6", "--rounds", "1", "--width", "8", "--engine", "local", "--quiet"]
    assert main([*words, "--out", str(out)]) == 0
    assert (out / "summary.json").is_file()
    assert (out / "clients.parquet").is_file()
    assert not (out / "parts").exists()
