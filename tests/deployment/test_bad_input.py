"""Bad input of ``python -m simulation.deploy``: one message, exit code 2, nothing started, nothing left behind."""

import os

import pytest

from simulation.deploy import main
from simulation.deployment.members import main as members
from tests.simulation.command.running import command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nodes", "0"], "--nodes 0: a whole number of at least 1, such as 4"),
        (["--nodes", "four"], "--nodes four: a whole number"),
        (["--nodes", "5000"], "--nodes 5000: at most 1000"),
        (["--nodes", "9" * 6000], "--nodes 9999999999"),
        (["--patience", "9" * 6000], "--patience 9999999999"),
        (["--nodes", "8", "--clients", "4"], "--nodes 8 exceeds --clients 4"),
        (["--engine", "local"], "--engine local does nothing in a deployment"),
        (["--workers", "3"], "--workers 3 does nothing in a deployment"),
        (["--seeds", "3"], "--seeds 3 does nothing in a deployment"),
        (["--references", "local"], "--references local does nothing in a deployment"),
        (["--track", "tensorboard"], "--track tensorboard does nothing in a deployment"),
        (["--checkpoint-every", "5"], "--checkpoint-every 5 does nothing in a deployment"),
        (["--keep", "1"], "--keep 1 does nothing in a deployment"),
        (["--faults", '{"fault": [{"kind": "worker", "share": 0.5}]}'], "kind 'worker' needs Ray workers"),
        (["--kernels", "native"], "--kernels native: Flower sends the nodes Python files only"),
        (["--records", "x"], "--records x belongs to a SuperLink that runs already"),
        (["--superlink", "here"], "--superlink 'here': HOST:PORT"),
        (["--superlink", "here:70000"], "--superlink 'here:70000': HOST:PORT"),
        (["--superlink", "here:²"], "--superlink 'here:²': HOST:PORT"),
        (["--superlink", "here:8000"], "--superlink needs --credentials"),
        (
            ["--superlink", "h:1", "--credentials", "nowhere", "--records", "."],
            "--credentials nowhere/control.key: No such file",
        ),
        (["--node-data", "nowhere"], "--node-data nowhere: no such folder"),
        (["--node-data", ","], "--node-data : no such folder"),
        (["--superlink", "http://here:8000"], "--superlink 'http://here:8000': HOST:PORT"),
        (["--node-data", "/,/", "--nodes", "3"], "--node-data names 2 folders for --nodes 3: one a node"),
        (["--cohort", "900"], "--cohort 900"),
        (["--tasks", "assistant:nothing"], "nothing"),
        (["--tasks", "personalization:movielens100k", "--data-dir", "nowhere"], "movielens100k"),
        (["--out", "."], "exists already"),
        (["--out", "deep/" + "x" * 250], "File name too long"),
        (["--out", "/proc/runs/run"], "--out /proc/runs/run: "),
    ],
)
def test_bad_input(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("metafed: ")
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_command_in_a_process_of_its_own_says_the_same(tmp_path):
    done = command("--nodes", "0", module="simulation.deploy", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "metafed: --nodes 0: a whole number of at least 1, such as 4\n"


def test_node_data_are_of_nodes_that_are_started_here(tmp_path, monkeypatch, capsys):
    for name in ("ca.crt", "control.key"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    words = ["--superlink", "h:1", "--credentials", ".", "--records", ".", "--node-data", "/", "--nodes", "1"]
    assert main(words) == 2
    assert "those of --superlink say --own-data themselves" in capsys.readouterr().err


@pytest.mark.parametrize(("folder", "message"), [("nowhere", "no such folder"), ("a,b", "must have no comma")])
@pytest.mark.parametrize("by_flag", [True, False])
def test_a_nodes_own_data_are_a_folder(tmp_path, folder, message, by_flag):
    for name in ("ca.crt", "node.key"):
        (tmp_path / name).touch()
    (tmp_path / "a,b").mkdir()
    words = ["--superlink", "h:1", "--number", 0, "--count", 1, "--keys", "."]
    words += ["--own-data", folder] if by_flag else []
    env = {**os.environ, **({} if by_flag else {"METAFED_OWN_DATA": folder})}
    done = command(*words, module="simulation.deployment.supernode", cwd=tmp_path, env=env)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"metafed: --own-data {folder}: " in done.stderr
    assert message in done.stderr


def test_credentials_are_regular_files_with_a_certificate(tmp_path, capsys):
    words = ["--superlink", "h:1", "--records", str(tmp_path), "--credentials", str(tmp_path)]
    others = ["--superlink", "h:1", "--credentials", str(tmp_path), "list"]
    (tmp_path / "control.key").write_text("secret")

    def said():
        found = main(words), capsys.readouterr().err, members(others), capsys.readouterr().err
        assert found[:2] == found[2:]
        assert found[0] == 2
        return found[1]

    os.mkfifo(tmp_path / "ca.crt")
    assert said() == f"metafed: --credentials {tmp_path}/ca.crt: is a pipe or a device; name a file\n"
    (tmp_path / "ca.crt").unlink()
    (tmp_path / "ca.crt").write_text("no certificate")
    assert said() == f"metafed: --credentials {tmp_path}/ca.crt: holds no certificate in PEM\n"
    (tmp_path / "control.key").unlink()
    (tmp_path / "control.key").mkdir()
    assert said() == f"metafed: --credentials {tmp_path}/control.key: is a folder; name a file\n"
