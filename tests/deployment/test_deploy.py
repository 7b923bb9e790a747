"""``python -m simulation.deploy`` is the literal command: same θ as the local engine, no traces, a true exit code."""

import contextlib
import os
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from simulation.deployment.processes import MARK
from tests.simulation.command.running import clients, command, manifest, rounds, run

SETTINGS = ["--clients", 9, "--cohort", 5, "--rounds", 1, "--chunk", 4, "--seed", 3]
OWN = ["--network", "avatar=tests.integration.own_modules:Gru", "--network.hidden", 3]
LOCAL = ["--algorithm", "fedavg-ft", "--local.epochs", 2, "--local.batch-size", 8, "--eval.epochs", 2]
FILES = {
    *("manifest.json", "config.toml", "rounds.jsonl", "clients.parquet", "participation.parquet", "summary.json"),
    *("report.html", "run.log", "checkpoints", "logs"),
}


def deployed(temporary):
    """Return the living processes of deployments that were started with this temporary folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            variables = process.environ()
            if MARK in variables and variables.get("TMPDIR") == str(temporary):
                found.append(process)
    return found


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A record of two nodes."""
    folder = tmp_path_factory.mktemp("deployed")
    temporary = folder / "tmp"
    temporary.mkdir()
    words = ["--nodes", 2, "--out", folder / "run", *SETTINGS, *OWN, *LOCAL]
    done = command(*words, module="simulation.deploy", env=environment(temporary), timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unseen" in done.stdout
    assert list(temporary.iterdir()) == []  # no key outlives the run
    assert deployed(temporary) == []
    return folder / "run"


def environment(temporary):
    return {**os.environ, "TMPDIR": str(temporary)}


def test_the_record_is_whole(record):
    assert {path.name for path in record.iterdir()} == FILES
    about = manifest(record)
    assert about["exit_reason"] == "done"
    assert about["experiment"]["kernels"] == "torch"
    assert [line["round"] for line in rounds(record)] == [0, 1]
    assert [line["failed"] for line in rounds(record)] == [[], []]
    assert {path.name for path in (record / "logs").iterdir()} == {
        "superlink.log", "supernode-0.log", "supernode-1.log",
    }  # fmt: skip


def test_parity_with_the_local_engine(record, tmp_path):
    local = run(tmp_path / "local", "--engine", "local", *SETTINGS, *OWN, *LOCAL)
    name = "checkpoints/round-00000001.safetensors"
    ours, theirs = load_file(local / name), load_file(record / name)
    assert set(ours) == set(theirs)
    for part, vector in ours.items():
        np.testing.assert_allclose(theirs[part], vector, rtol=0, atol=1e-5)
    order = ("phase", "round", "client", "step")
    mine, other = clients(local).sort(order), clients(record).sort(order)
    assert mine.schema == other.schema
    assert mine.select(order).equals(other.select(order))
    np.testing.assert_allclose(mine["loss"], other["loss"], rtol=0, atol=1e-4)


def test_the_record_holds_no_secret(record):
    about = manifest(record)
    assert about["argv"][0].endswith("deploy.py")
    for path in (path for path in record.rglob("*") if path.is_file()):
        text = path.read_bytes()
        assert b"PRIVATE KEY" not in text, path
        assert b"--token" not in text, path
        assert b"Bearer" not in text, path


def test_both_nodes_worked(record):
    for number in (0, 1):
        assert "Receiving: train message" in (record / "logs" / f"supernode-{number}.log").read_text()


@pytest.mark.slow
def test_divergence_is_told_by_the_exit_code_of_a_run_on_a_federation_that_is_there(discreet, tmp_path):
    out = tmp_path / "run"
    there = ["--superlink", discreet.address, "--credentials", discreet.operator, "--records", tmp_path, "--nodes", 2]
    words = [*there, "--out", out, "--clients", 4, "--tasks", "sinusoid", "--rounds", 3, "--eval-every", 0]
    done = command(*words, "--algorithm.inner-lr", 1e30, module="simulation.deploy", timeout=900)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "diverged: no client's update was finite" in done.stderr
    assert "Traceback" not in done.stderr
    assert manifest(out)["exit_reason"].startswith("failed: round 1 diverged")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number, tmp_path):
    out, temporary = tmp_path / "run", tmp_path / "tmp"
    temporary.mkdir()
    words = ["--nodes", 2, "--out", out, "--clients", 6, "--rounds", 1000, "--eval-every", 0]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulation.deploy", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(temporary),
    )
    for line in process.stdout:  # wait for a finished round, not for a time
        if line.startswith("[   1/"):
            assert len(deployed(temporary)) >= 3
            break
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "interrupted; θ and all finished rounds are in" in said
    assert "Traceback" not in said
    about = manifest(out)
    assert about["exit_reason"] == "interrupted"
    assert len(about["theta_sha256"]) == 64
    finished = [line["round"] for line in rounds(out)]
    assert finished == list(range(len(finished)))
    assert finished[-1] >= 1
    assert clients(out)["round"].max() == finished[-1]
    assert list(temporary.iterdir()) == []
    assert deployed(temporary) == []


def test_help_is_quick_and_names_the_settings():
    done = command("--help", module="simulation.deploy")
    assert done.returncode == 0
    assert "--nodes" in done.stdout
    assert "simulation.run --help" in done.stdout
