"""``python -m simulation.deploy --resume RUN``: a deployment goes on, and ends as one that never stopped."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from simulation.cli.errors import BadInput
from simulation.deployment.plan import parse
from tests.deployment.waiting import said
from tests.simulation.command.running import clients, command, manifest, rounds, run

SETTINGS = ["--clients", 8, "--cohort", 5, "--eval-every", 0, "--seed", 3, "--tasks", "personalization"]


def deploy(*words):
    return command(*words, module="simulation.deploy", timeout=900)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A record of two rounds by two nodes."""
    folder = tmp_path_factory.mktemp("deployed") / "run"
    done = deploy("--nodes", 2, "--rounds", 2, "--out", folder, *SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_a_run_that_goes_on_equals_one_that_never_stopped(record, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(record, folder)
    done = deploy("--resume", folder, "--rounds", 4)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^\[ *(\d+)/", done.stdout, re.MULTILINE) == ["3", "4"]
    local = run(tmp_path / "local", "--engine", "local", "--rounds", 4, *SETTINGS)
    assert [line["round"] for line in rounds(folder)] == [0, 1, 2, 3, 4]
    name = "checkpoints/round-00000004.safetensors"
    for part, vector in load_file(local / name).items():
        np.testing.assert_allclose(load_file(folder / name)[part], vector, rtol=0, atol=1e-5)
    order = ("phase", "round", "client", "step")
    mine, other = clients(local).sort(order), clients(folder).sort(order)
    assert mine.select(order).equals(other.select(order))
    np.testing.assert_allclose(mine["loss"], other["loss"], rtol=0, atol=1e-4)
    about = manifest(folder)
    assert about["exit_reason"] == "done"
    (entry,) = about["resumed"]
    assert entry["from_round"] == 2
    assert entry["argv"][1:] == ["--resume", str(folder), "--rounds", "4"]
    assert (folder / "run.log").read_text().startswith((record / "run.log").read_text())


@pytest.mark.slow
def test_a_run_whose_superlink_was_killed_goes_on(tmp_path):
    folder, log = tmp_path / "run", tmp_path / "log"
    words = ["--nodes", 2, "--rounds", 1000, "--out", folder, *SETTINGS]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulation.deploy", *map(str, words)],
            stdout=file, stderr=file, env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
    said(log, "[   2/1000]", 600)
    for each in psutil.Process(process.pid).children():
        if "simulation.deployment.superlink" in each.cmdline():
            each.kill()
    assert process.wait(300) == 1
    reported = rounds(folder)
    last = reported[-1]["round"]
    assert last >= 2
    done = deploy("--resume", folder, "--rounds", last + 2)
    assert done.returncode == 0, done.stdout + done.stderr
    found = rounds(folder)
    assert [line["round"] for line in found] == list(range(last + 3))
    # a killed server has written a checkpoint of every round that it reported, but for the last at most
    assert manifest(folder)["resumed"][0]["from_round"] >= last - 1
    for before, after in zip(reported, found, strict=False):
        assert after["loss"] == pytest.approx(before["loss"], abs=1e-5)


@pytest.mark.slow
def test_what_would_go_on_as_another_run_is_refused(record, tmp_path):
    cases = {
        ("--resume", record, "--rounds", 4, "--nodes", 3): "was computed by 2",
        ("--resume", record, "--rounds", 4, "--width", 7): "--width was",
        ("--resume", record): "its 2 rounds are done",
        ("--resume", tmp_path): "holds no record",
    }
    for words, reason in cases.items():
        done = deploy(*words)
        assert (done.returncode, reason in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
    assert manifest(record)["exit_reason"] == "done"


@pytest.mark.slow
def test_personal_states_went_with_their_run(record, tmp_path):
    folder = tmp_path / "ditto"
    shutil.copytree(record, folder)
    local = run(
        tmp_path / "local", "--engine", "local", "--rounds", 2, "--algorithm", "ditto", "--kernels", "torch", *SETTINGS
    )
    text = (local / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace('engine = "local"\n', ""))
    done = deploy("--resume", folder, "--rounds", 4)
    assert done.returncode == 2
    assert "by --algorithm ditto clients keep states of their own" in done.stderr


def test_a_simulation_is_not_gone_on_with_as_a_deployment(tmp_path):
    local = run(tmp_path / "local", "--engine", "local", "--rounds", 1, *SETTINGS)
    with pytest.raises(BadInput, match=r"is no record of a deployment .* `python -m simulation.run --resume`"):
        parse(["--resume", str(local), "--rounds", "3"])
