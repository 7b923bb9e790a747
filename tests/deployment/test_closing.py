"""A record whose writer was killed: everything that was reported is in it, and it says how it ended."""

import json
import shutil

import polars as pl
import pytest

from simulation.deployment.closing import amend, close, finished_rounds, manifest
from tests.simulation.command.running import clients, run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    words = ["--engine", "local", "--clients", 6, "--cohort", 3, "--rounds", 3, "--eval-every", 1, "--seed", 5]
    return run(tmp_path_factory.mktemp("record") / "run", *words, report=True)


@pytest.fixture
def cut(whole, tmp_path):
    """The record as its writer leaves it if it is killed after round 2, while it writes the rows of round 3."""
    folder = tmp_path / "cut"
    shutil.copytree(whole, folder)
    rows = clients(folder)
    (folder / "parts").mkdir()
    for number in range(4):
        rows.filter(rows["round"] == number).write_parquet(folder / "parts" / f"{number:08d}.parquet")
    (folder / "parts" / "00000003.parquet").write_bytes(b"PAR1 half a file")
    lines = (folder / "rounds.jsonl").read_text().splitlines(keepends=True)
    (folder / "rounds.jsonl").write_text("".join(lines[:3]) + lines[3][:40])
    for name in ("clients.parquet", "summary.json", "report.html", "participation.parquet"):
        (folder / name).unlink()
    amend(folder, {"end": None, "exit_reason": None, "theta_sha256": None})
    return folder


def test_what_was_reported_is_kept(cut, whole):
    close(cut, "failed: the SuperLink ended")
    rows = clients(whole)
    assert clients(cut).equals(rows.filter(rows["round"] <= 2))
    assert [line["round"] for line in finished_rounds(cut)] == [0, 1, 2]
    summary, of_whole = (json.loads((each / "summary.json").read_text()) for each in (cut, whole))
    assert summary["round"] == 2
    assert set(summary) == set(of_whole)
    assert pl.read_parquet(cut / "participation.parquet", glob=False)["asked"].sum() == 2 * 3
    assert not (cut / "parts").exists()
    about = manifest(cut)
    assert about["exit_reason"] == "failed: the SuperLink ended"
    assert about["end"] is not None
    assert about["theta_sha256"] == manifest(whole)["theta_sha256"]  # the checkpoint is the one that is there


def test_a_closed_record_keeps_its_rows(whole, tmp_path):
    folder = tmp_path / "closed"
    shutil.copytree(whole, folder)
    before = manifest(folder)
    close(folder, "interrupted")
    assert manifest(folder) == {**before, "exit_reason": "interrupted"}
    assert clients(folder).equals(clients(whole))


def test_without_a_manifest_nothing_is_made(tmp_path):
    close(tmp_path, "failed")
    assert list(tmp_path.iterdir()) == []
