"""What the machine may do to a run: a full disk, a folder that cannot be written, a run beside it, a wrong clock."""

import ast
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.forked import forked, module
from tests.integration.resume.running import bits
from tests.simulation.command.running import command, manifest, on_a_small_disk, rounds

SMALL = [
    "--clients",
    "9",
    "--cohort",
    "5",
    "--width",
    "6",
    "--eval-every",
    "3",
    "--checkpoint-every",
    "2",
    "--quiet",
    "--no-report",
]


@pytest.mark.slow
def test_a_run_that_filled_the_disk_is_resumed_to_the_bits_of_one_that_did_not(tmp_path):
    words = [*SMALL, "--engine", "local", "--algorithm", "ditto", "--rounds", 30]
    done = on_a_small_disk(9_000, *words, "--out", tmp_path / "full")
    assert done.returncode == 1
    assert "the record cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert manifest(tmp_path / "full")["exit_reason"].startswith("failed: the record cannot be written")
    assert len(rounds(tmp_path / "full")) < 30
    assert command("--resume", tmp_path / "full", "--quiet").returncode == 0
    assert command("--out", tmp_path / "whole", *words).returncode == 0
    assert bits(tmp_path / "full") == bits(tmp_path / "whole")


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for out in (tmp_path / "file" / "run", Path("/proc/runs/run")):
        done = command("--out", out, *SMALL, "--engine", "local", "--rounds", 1)
        assert done.returncode == 2
        assert done.stderr.startswith(f"metafed: --out {out}: ")
        assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "no folder"


@pytest.mark.ray
@pytest.mark.slow
def test_two_runs_at_once_on_one_machine_do_not_disturb_each_other(tmp_path):
    words = [*SMALL, "--engine", "ray", "--workers", "1", "--worker-cpus", "0.5", "--rounds", "6"]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "simulation.run", *words, "--out", str(tmp_path / name), "--seed", seed],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, seed in (("first", "1"), ("second", "2"))
    ]
    ended = [(process.communicate(timeout=600)[1], process.returncode) for process in started]
    assert ended == [("", 0), ("", 0)]
    for name, seed in (("first", 1), ("second", 2)):
        local = [*SMALL, "--engine", "local", "--rounds", 6, "--seed", seed]
        assert command("--out", tmp_path / f"{name}-alone", *local).returncode == 0
        assert bits(tmp_path / name) == bits(tmp_path / f"{name}-alone")


def jumping(*words):
    """Simulate by a clock that is years off, to either side."""
    hours, real = itertools.count(), time.time
    time.time = lambda: real() + 86_400 * 365 * (-1) ** next(hours) * next(hours)
    module("simulation.run", *words)


def test_a_clock_that_jumps_by_years_changes_nothing(tmp_path):
    words = [*SMALL, "--engine", "local", "--rounds", 4]
    done = forked(jumping, *map(str, words), "--out", str(tmp_path / "jumping"))
    assert done.returncode == 0, done.stderr
    assert command("--out", tmp_path / "steady", *words).returncode == 0
    assert bits(tmp_path / "jumping") == bits(tmp_path / "steady")
    lines = [json.loads(text) for text in (tmp_path / "jumping" / "rounds.jsonl").read_text().splitlines()]
    assert all(0 <= line["seconds"] < 300 for line in lines)


def test_no_code_that_waits_or_measures_reads_the_clock_that_can_jump():
    found = [
        f"{path}:{node.lineno}"
        for room in ("metafed", "client", "server", "simulation/engines")
        for path in Path(room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "time" and getattr(node.value, "id", "") == "time"
    ]
    assert found == []
