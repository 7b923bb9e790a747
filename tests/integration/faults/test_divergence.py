"""Divergence ends the run with exit code 3, and names the round, the clients, and the last good checkpoint."""

import re

import numpy as np
from safetensors.numpy import load_file

from tests.simulation.command.running import command, manifest, rounds

ALL = '[[fault]]\nkind = "infinity"\nshare = 1.0\nfirst = 5\n'


def test_a_round_without_one_finite_update_ends_the_run_and_the_checkpoint_before_is_named(tmp_path):
    (tmp_path / "faults.toml").write_text(ALL)
    out = tmp_path / "run"
    words = ["--clients", 8, "--unseen", 0, "--width", 6, "--rounds", 9, "--engine", "local", "--eval-every", 0]
    done = command("--out", out, *words, "--faults", tmp_path / "faults.toml", "--checkpoint-every", 3)
    assert done.returncode == 3
    last = out / "checkpoints" / "round-00000004.json"
    named = re.search(r"round 5 diverged: no client's update was finite \(clients ([0-9, ]+)\)", done.stderr)
    assert sorted(map(int, named[1].split(", "))) == list(range(8))
    assert f"the last good checkpoint is {last}" in done.stderr
    assert last.exists()
    assert manifest(out)["exit_reason"].startswith("diverged: round 5")
    assert [line["round"] for line in rounds(out)] == [0, 1, 2, 3, 4]
    theta = load_file(last.with_suffix(".safetensors"))
    assert all(np.isfinite(vector).all() for vector in theta.values())
    # the record has the faults, not the file's name
    (tmp_path / "faults.toml").unlink()
    again = command("--resume", out)
    assert again.returncode == 3
    assert "resumed from round 4" in again.stdout
    assert "round 5 diverged" in again.stderr
    checked = command(out, module="simulation.verify")
    assert (checked.returncode, "every bit agrees" in checked.stdout) == (0, True)


def test_a_worker_to_be_lost_needs_workers(tmp_path):
    (tmp_path / "faults.toml").write_text('[[fault]]\nkind = "worker"\nshare = 0.5\n')
    done = command("--engine", "local", "--faults", tmp_path / "faults.toml", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "choose --engine ray" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_file_of_faults_that_is_not_there_is_one_message(tmp_path):
    done = command("--faults", tmp_path / "nothing.toml", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "No such file" in done.stderr
    assert "Traceback" not in done.stderr
