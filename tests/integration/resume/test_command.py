"""``--resume RUN`` and ``python -m simulation.verify RUN`` as commands."""

import json
import os
import signal
import subprocess
import sys
import tomllib

import polars as pl
import pytest

from simulation.run import main
from simulation.verify import main as verify_main
from tests.integration.resume.running import bits
from tests.simulation.command.running import command, manifest, run

SMALL = ("--clients", 9, "--cohort", 5, "--width", 6, "--eval-every", 3, "--checkpoint-every", 2)
LONG = 60
LOCAL = (*SMALL, "--algorithm", "ditto", "--engine", "local", "--quiet", "--no-report")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole") / "run", *LOCAL, "--rounds", 8)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A kill may come some rounds after the one that it waits for; so many rounds are more than that."""
    return run(tmp_path_factory.mktemp("long") / "run", *LOCAL, "--rounds", LONG)


@pytest.mark.parametrize("engine", ["local", "ray"])
@pytest.mark.ray
@pytest.mark.slow
def test_a_run_killed_by_sigkill_is_resumed_by_ray_to_the_same_bits(tmp_path, engine, long):
    out = tmp_path / "run"
    how = ["--engine", engine, *(["--workers", 2, "--worker-cpus", 0.5] if engine == "ray" else [])]
    words = [*LOCAL[:-4], *how, "--rounds", 100_000, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulation.run", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.startswith("[     5/"):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert manifest(out)["exit_reason"] is None
    done = command("--resume", out, "--rounds", LONG, "--engine", "ray", "--workers", 2, "--worker-cpus", 0.5)
    assert done.returncode == 0, done.stderr
    assert "resumed from round" in done.stdout
    assert bits(out) == bits(long)


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_that_ended_goes_on_with_more_rounds_and_other_workers(whole, tmp_path):
    out = run(tmp_path / "run", *LOCAL, "--rounds", 4)
    done = command("--resume", out, "--rounds", 8, "--engine", "ray", "--workers", 2, "--worker-cpus", 0.5)
    assert done.returncode == 0, done.stderr
    assert bits(out) == bits(whole)
    assert tomllib.loads((out / "config.toml").read_text())["rounds"] == 8


def test_changed_settings_are_named_and_refused(whole, tmp_path):
    before = bits(whole)
    cases = {
        ("--rounds", 9, "--width", 7, "--algorithm.inner-lr", 0.5): ("--width was 6, not 7", "inner_lr=0.5"),
        ("--rounds", 9, "--algorithm", "fedper"): ("--algorithm was", "name=fedper"),
        ("--rounds", 9, "--chunk", 1): ("--chunk was auto, not 1",),
        ("--rounds", 8): ("its 8 rounds are done",),
        ("--rounds", 3): ("has 8 rounds, --rounds 3 would take some back",),
        ("--rounds", 9, "--out", tmp_path / "elsewhere"): ("leave one of the two out",),
        ("--rounds", 9, "--config", whole / "config.toml"): ("leave --config out",),
    }
    for words, reasons in cases.items():
        done = command("--resume", whole, *words)
        assert done.returncode == 2
        assert all(reason in done.stderr for reason in reasons), done.stderr
        assert "Traceback" not in done.stderr
    assert bits(whole) == before
    for folder, reason in ((tmp_path / "nothing", "no such folder"), (tmp_path, "holds no record")):
        done = command("--resume", folder)
        assert (done.returncode, reason in done.stderr) == (2, True)


def test_a_run_of_its_own_data_refuses_other_data(tmp_path):
    table = tmp_path / "people.csv"
    rows = [f"p{person},{value},{int(value > person)}" for person in range(9) for value in range(24)]
    table.write_text("who,x,y\n" + "\n".join(rows) + "\n")
    (tmp_path / "people.toml").write_text('data = "people.csv"\nclient = "who"\ntarget = "y"\nfeatures = ["x"]\n')
    words = ["--tasks", "people:" + str(tmp_path / "people.toml"), "--clients", 8, "--width", 6, "--engine", "local"]
    out = run(tmp_path / "run", *words, "--rounds", 2, "--quiet")
    table.write_text(table.read_text().replace("p0,0,0", "p0,0,1"))
    done = command("--resume", out, "--rounds", 3)
    assert done.returncode == 2
    assert "the data are not those that the run began with" in done.stderr
    assert "people.csv" in done.stderr
    assert manifest(out)["exit_reason"] == "done"


def test_verify_agrees_with_a_record_and_names_the_first_client_that_differs(whole, tmp_path):
    done = command(whole, "--engine", "local", module="simulation.verify")
    assert (done.returncode, done.stdout.strip()) == (0, f"{whole}: every bit agrees")
    frame = pl.read_parquet(whole / "clients.parquet")
    bent = tmp_path / "bent"
    subprocess.run(["cp", "-r", whole, bent], check=True)
    victim = frame.filter(phase="train", round=5)["client"][1]
    here = (pl.col("round") == 5) & (pl.col("client") == victim)
    changed = frame.with_columns(pl.when(here).then(pl.col("loss").mul(1 + 1e-12)).otherwise("loss").alias("loss"))
    changed.write_parquet(bent / "clients.parquet")
    done = command(bent, module="simulation.verify")
    assert done.returncode == 1
    assert f"differs first at round 5, client {victim}: loss is " in done.stdout


def test_verify_refuses_workers_that_cannot_be(whole, capsys):
    assert verify_main([str(whole), "--workers", "-3"]) == 2
    assert "--workers -3: input should be greater than or equal to 1" in capsys.readouterr().err
    assert verify_main([str(whole), "--engine", "local", "--workers", "2"]) == 2
    assert "--workers 2 does nothing with --engine local" in capsys.readouterr().err


def test_a_record_of_ray_goes_on_without_ray_and_keeps_what_it_says_of_workers(whole, tmp_path):
    subprocess.run(["cp", "-r", whole, tmp_path / "run"], check=True)
    path = tmp_path / "run" / "config.toml"
    text = path.read_text()
    path.write_text("workers = 2\n" + text.replace('engine = "local"', 'engine = "ray"'))
    assert main(["--resume", str(tmp_path / "run"), "--engine", "local", "--workers", "3", "--rounds", "9"]) == 2
    assert main(["--resume", str(tmp_path / "run"), "--engine", "local", "--rounds", "9", "--quiet"]) == 0


def test_verify_refuses_what_is_no_record_of_a_run_that_ended(whole, tmp_path):
    subprocess.run(["cp", "-r", whole, tmp_path / "open"], check=True)
    (tmp_path / "open" / "clients.parquet").unlink()
    for folder, reason in ((tmp_path / "nothing", "No such file"), (tmp_path / "open", "--resume")):
        done = command(folder, module="simulation.verify")
        assert done.returncode == 2
        assert reason in done.stderr
        assert "Traceback" not in done.stderr


def test_rounds_that_are_done_are_not_taken_back_by_fewer(tmp_path):
    out = run(tmp_path / "run", *LOCAL, "--rounds", 6)
    about = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**about, "exit_reason": None}))  # as after a kill
    done = command("--resume", out, "--rounds", 3)
    assert done.returncode == 2
    assert "6 rounds are done, --rounds 3 would take some back" in done.stderr
    assert (out / "checkpoints" / "round-00000006.safetensors").exists()
