"""Ctrl-C ends cleanly in each engine: exit code 130, a whole record, no process left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import polars as pl
import psutil
import pytest

from simulation.cli.interrupts import whole_imports

METAFED = "from simulation.__main__ import script; script()"
"""What the console command does."""


def interrupted(out, engine, sign, seen):
    """Start a long run and send ``sign`` to it after the first line that ``seen`` accepts; return how it ended."""
    words = ["--engine", engine, "--clients", 12, "--cohort", 6, "--rounds", 100_000, "--eval-every", 0, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulation.run", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:  # wait for what is shown, not for a time
        if seen(line):
            break
    if sign == signal.SIGINT:
        os.killpg(process.pid, sign)  # as a terminal does
        os.killpg(process.pid, sign)  # and once more: who waits is impatient
    else:
        process.send_signal(sign)
    _, said = process.communicate(timeout=60)
    return process, said


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", [["-m", "simulation.run"], ["-c", METAFED, "run"], ["-m", "simulation.compare"]])
def test_a_signal_during_imports_ends_with_its_code_and_a_message(command, sign, tmp_path):
    # a package that all of them import, in whose place the signal comes
    (tmp_path / "tyro.py").write_text(f"import os\nos.kill(os.getpid(), {sign:d})\nprint('it went on')\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    words = [sys.executable, *command, "--help"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert (done.stdout, done.stderr) == ("", "metafed: interrupted; nothing is left behind\n")


def test_a_signal_within_imports_that_must_be_whole_interrupts_after_them():
    whole = []

    def imports():
        with whole_imports():
            os.kill(os.getpid(), signal.SIGINT)
            whole.append(True)

    with pytest.raises(KeyboardInterrupt):
        imports()
    assert whole


@pytest.mark.ray
@pytest.mark.slow
def test_an_interrupt_while_ray_starts_leaves_nothing(tmp_path):
    process, said = interrupted(tmp_path / "run", "ray", signal.SIGINT, lambda line: "record" in line)
    assert process.returncode == 130
    assert "interrupted before the first round; nothing is left behind" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
    _, left = psutil.wait_procs(members(process.pid), timeout=30)
    assert left == []


@pytest.mark.parametrize(
    ("engine", "sign"),
    [
        ("local", signal.SIGHUP),
        ("ray", signal.SIGINT),
        pytest.param("ray", signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
@pytest.mark.ray
def test_ctrl_c(engine, sign, tmp_path):
    out = tmp_path / "run"
    process, said = interrupted(out, engine, sign, lambda line: line.startswith("[     3/"))
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    about = json.loads((out / "manifest.json").read_text())
    assert about["exit_reason"] == "interrupted"
    assert len(about["theta_sha256"]) == 64
    finished = [json.loads(text)["round"] for text in (out / "rounds.jsonl").read_text().splitlines()]
    assert finished == list(range(len(finished)))
    assert finished[-1] >= 3
    frame = pl.read_parquet(out / "clients.parquet")
    assert frame["round"].max() == finished[-1]
    _, left = psutil.wait_procs(members(process.pid), timeout=30)
    assert left == []


def members(group):
    """Return the living processes of a process group."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
