"""Who took part in training, and what became of them, in the report of a run with devices."""

import re
import shutil

import polars as pl

from simulation.records.runs import read_run
from simulation.report.chapter import chapter, took_part
from simulation.report.command import main


def test_who_seldom_took_part_is_marked_and_nobody_else(pages, folder):
    run = read_run(folder / "devices")
    rows = pl.read_parquet(folder / "devices" / "participation.parquet")
    counted = {row["client"]: (row["finished"], row["asked"]) for row in rows.iter_rows(named=True)}
    assert took_part(run) == counted
    said = chapter(run)
    for one in said["served"]:
        finished, asked = counted.get(one.client, (0, 0))
        evidence = [words for name, words in one.reasons if name == "seldom took part"]
        assert evidence == ([f"{finished} of {asked} rounds"] if 2 * finished < asked else [])
    rate = next(rate for rate in said["rates"] if rate.name == "seldom took part")
    assert rate.worst + rate.others == sum(2 * finished < asked for finished, asked in counted.values()) > 0


def test_the_page_has_a_table_of_who_takes_part(pages, folder):
    page = pages["run"].read_text(encoding="utf-8")
    table = re.search(r"<caption><span>Who takes part, by device</span>.*?</table>", page, re.DOTALL).group()
    rows = pl.read_parquet(folder / "devices" / "participation.parquet").filter(pl.col("seen"))
    for (device,), own in rows.group_by("device"):
        share = 100 * own["finished"].sum() / own["asked"].sum()
        assert re.search(rf"{device}[^<]*</th><td>{own.height}</td><td>{share:.0f} %</td>", table)
    assert "Who takes part" not in pages["strange"].read_text(encoding="utf-8")


def test_a_damaged_participation_file_ends_with_one_line_and_exit_code_2(pages, folder, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(folder / "devices", copy)
    (copy / "participation.parquet").write_bytes(b"PAR1 this is not Parquet PAR1")
    assert main([str(copy)]) == 2
    said = capsys.readouterr().err
    assert "participation.parquet: not readable as Parquet" in said
    assert said.count("\n") == 1
    assert not (copy / "report.html").exists()
