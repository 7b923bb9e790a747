"""The screen never ends a computation: whoever looks on, and on what, the record is whole."""

import json
import os
import subprocess
import sys

import pytest

from simulation.run import main

RUN = "-m simulation.run --engine local --kernels torch --clients 6 --rounds 2 --eval-every 0 --no-report --out run"


def shell(line, folder, **variables):
    """Return the finished process of a line of bash, where PYTHON is this interpreter; its exit code is the first's."""
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": os.getcwd(), **variables},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )


@pytest.mark.parametrize(
    ("end", "variables"),
    [
        pytest.param("", {"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.slow),
        pytest.param("", {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, marks=pytest.mark.slow),
        pytest.param("| head -1", {}, marks=pytest.mark.slow),
        pytest.param("| true", {}, marks=pytest.mark.slow),
        (">/dev/full", {}),
        pytest.param(">/dev/full 2>/dev/full", {}, marks=pytest.mark.slow),
        (">&- 2>&- <&-", {}),
    ],
)
def test_a_run_goes_on_to_its_end(end, variables, tmp_path):
    done = shell(f'"$PYTHON" {RUN} {end}', tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["exit_reason"] == "done"
    assert (tmp_path / "run" / "summary.json").is_file()
    # nothing that was meant for the screen has gone into a file of the record
    for line in (tmp_path / "run" / "rounds.jsonl").read_text().splitlines():
        json.loads(line)
    if "latin" in str(variables):
        assert "score" in done.stdout
    if end == ">/dev/full":
        assert done.stderr == "metafed: standard output is lost: No space left on device\n"


def test_a_result_that_is_lost_is_no_success(tmp_path):
    assert shell(f'"$PYTHON" {RUN} --quiet', tmp_path).returncode == 0
    done = shell('"$PYTHON" -m simulation.compare run --json >/dev/full', tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    done = shell('"$PYTHON" -m simulation.compare run --json | head -c 10', tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert shell('"$PYTHON" -m simulation.run --help | head -1', tmp_path).stderr == ""


def test_a_folder_with_brackets_is_named_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = RUN.split()[2:-2]
    assert main([*words, "--out", "lr[red]1"]) == 0
    assert main([*words, "--seeds", "2", "--out", "of[a, b]"]) == 0
    shown = capsys.readouterr().out
    for folder in ("lr[red]1", "of[a, b]"):
        assert f"all      {folder}\n" in shown
