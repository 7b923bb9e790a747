"""The compose file on a real engine, from a copy of what git would give."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.docker.containers import PROJECT, SERVICES, compose, container, docker
from tests.metafed.data.table.own import STATED, deal, describe, rows
from tests.simulation.command import running
from tests.simulation.command.running import clients, manifest, run

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def finished(clone):
    """The federation of the defaults, four nodes, 24 clients, three rounds, after its run."""
    return compose(clone, "up", "--build", "--exit-code-from", "run")


@pytest.fixture(scope="module")
def record(clone, finished):
    assert finished.returncode == 0, finished.stdout[-5000:] + finished.stderr[-5000:]
    (folder,) = (clone / "runs").iterdir()
    return folder


def test_the_record_is_here_and_ours(record):
    names = {
        "manifest.json",
        "config.toml",
        "rounds.jsonl",
        "clients.parquet",
        "participation.parquet",
        "summary.json",
        "report.html",
        "run.log",
    }
    assert {path.name for path in record.iterdir()} == {*names, "checkpoints"}
    assert manifest(record)["exit_reason"] == "done"
    assert [(line["round"], line["failed"]) for line in running.rounds(record)] == [(0, []), (1, []), (2, []), (3, [])]
    assert {path.stat().st_uid for path in record.rglob("*")} == {record.parent.stat().st_uid}


def test_parity_with_the_local_engine(record, tmp_path):
    local = run(tmp_path / "local", "--engine", "local", "--clients", 24, "--rounds", 3)
    name = "checkpoints/round-00000003.safetensors"
    ours, theirs = load_file(local / name), load_file(record / name)
    assert set(ours) == set(theirs)
    for part, vector in ours.items():
        np.testing.assert_allclose(theirs[part], vector, rtol=0, atol=1e-5)
    assert clients(local).schema == clients(record).schema


def test_nothing_secret_in_image_logs_or_environment(clone, finished, record):
    history = docker("history", "--no-trunc", "metafed:local")
    listing = docker("run", "--rm", "--entrypoint", "find", "metafed:local", "/keys", "/app", "/state", "-type", "f")
    assert not [name for name in listing.splitlines() if name.endswith((".key", ".pem", ".crt", ".pub"))]
    logs = finished.stdout + finished.stderr + compose(clone, "logs", "--no-color").stdout
    ids = compose(clone, "ps", "-aq").stdout.split() or compose(clone, "ps", "-q").stdout.split()
    assert len(ids) == len(SERVICES)
    surroundings = docker("inspect", *ids)
    volume = f"{PROJECT}_keys-operator"
    key = docker("run", "--rm", "-v", f"{volume}:/k:ro", "metafed:local", "cat", "/k/control.key").strip()
    assert len(key) >= 32
    for text in (history, logs, surroundings, *(p.read_text(errors="replace") for p in record.rglob("*.json*"))):
        assert key not in text
        assert "PRIVATE KEY" not in text


def test_no_compiler_and_no_root():
    found = docker("run", "--rm", "metafed:local", "sh", "-c", "id -u; command -v cc gcc g++ c++ clang || echo none")
    assert found.split() == ["10001", "none"]


def test_nodes_that_hold_their_own_people_only(clone, finished):
    held = [[f"p{person:03d}" for person in range(number, 12, 4)] for number in range(4)]
    (clone / "described").mkdir()
    describe(clone / "described", STATED)
    folders = deal(clone, STATED, rows(12), held)
    own = {f"DATA_{number}": folder for number, folder in enumerate(folders)}
    own |= {"OWN_DATA": "/data", "DESCRIPTIONS": clone / "described", "TASKS": "people:/data/people.toml"}
    settings = "--unseen 0.25 --out /runs/own-people"
    done = compose(clone, "up", "--exit-code-from", "run", CLIENTS=12, ROUNDS=1, SETTINGS=settings, **own)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    record = clone / "runs" / "own-people"
    assert manifest(record)["own_people"] == [0, 1, 2, 3]
    found = clients(record)
    assert set(found["client"]) == set(range(12))
    sizes = {name: sum(row["person"] == name for row in rows(12)) for names in held for name in names}
    for number, names in enumerate(held):
        reported = {client: n for client, n in found.select("client", "n").iter_rows() if client % 4 == number}
        assert sorted(reported.values()) == sorted(sizes[name] for name in names)
    docker("start", container("superlink"))
    assert docker("exec", container("superlink"), "ls", "/data").split() == ["people.toml"]


def test_a_failed_run_exits_non_zero(clone, finished):
    settings = "--tasks sinusoid --algorithm.inner-lr 1e30 --eval-every 0"
    done = compose(clone, "up", "--exit-code-from", "run", SETTINGS=settings)
    assert done.returncode == 3, done.stdout[-5000:]
    assert "diverged" in done.stdout + done.stderr


def test_down_leaves_nothing(clone, finished):
    compose(clone, "down", "-v")
    assert docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}") == ""
    assert docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}") == ""
    networks = docker("network", "ls", "--format", "{{json .}}")
    assert not [n for n in map(json.loads, networks.splitlines()) if n["Name"].startswith(PROJECT)]
