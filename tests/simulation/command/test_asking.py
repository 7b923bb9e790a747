"""A misused command line is one message of ours, whatever parses it; help has no boxes and names no place of ours."""

import os
import re
from pathlib import Path

import pytest

from metafed.experiment.settings import Experiment
from simulation import simulate, sweep
from simulation.cli.errors import BadInput
from simulation.compare import main as compare
from simulation.data.command import main as data
from simulation.export import main as export
from simulation.report.command import main as report
from simulation.run import main as run
from simulation.verify import main as verify
from tests.simulation.command.running import command

WRONG = [
    (run, "--rounds 1e30", "--rounds 1e30: expected a whole number"),
    (run, "--workers two", "--workers two: expected a whole number"),
    (run, "--outer-lr x", "--outer-lr x: expected a number"),
    (run, "--engine spark", "--engine spark: choose one of local, ray"),
    (run, "--device", "--device needs a value"),
    (run, "--cliens 3", "--cliens, 3: not known here; did you mean --clients?"),
    (run, "extra", "extra: not known here"),
    (run, "--workers 3 --engine local", "--workers 3 does nothing with --engine local, which computes in one process"),
    (run, "--engine=local --ray-address=a:1", "--ray-address a:1 does nothing with --engine local"),
    (data, "lst", "lst: not known here; choose one of list, fetch, prepare, check, describe"),
    (verify, "", "missing: PATH Folder of the record. (required)"),
    (verify, "x --engine z", "--engine z: choose one of local, ray"),
    (report, "x --figure", "--figure: expected {readme,"),
    (compare, "x --seed", "--seed: not known here"),
    (export, "x --out y --sed 1", "--sed, 1: not known here"),
    (export, "x", "missing: --out PATH Folder to write to"),
]


@pytest.mark.parametrize(("main", "words", "expected"), WRONG)
def test_misuse_is_one_line(main, words, expected, capsys):
    assert main(words.split()) == 2
    found = capsys.readouterr()
    assert found.err.startswith(f"metafed: {expected}")
    assert found.err.count("\n") == 1
    assert found.out == ""


@pytest.mark.parametrize("width", ["60", "80", "300"])
@pytest.mark.parametrize("main", [run, data, verify, report, compare, export])
def test_help_has_no_boxes_and_the_width_of_the_terminal(main, width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", width)
    with pytest.raises(SystemExit) as leave:
        main(["--help"])
    assert leave.value.code == 0
    assert os.environ["COLUMNS"] == width
    text = capsys.readouterr().out
    assert text.startswith("usage: ")
    assert re.search(r"^options:$", text, re.MULTILINE)
    assert re.search(r"^  -h, --help ", text, re.MULTILINE)
    assert not set(text) & set("╭╮╰╯│─")


def test_workers_of_a_run_in_this_process_are_refused_from_python():
    small = Experiment(clients=4, rounds=1)
    with pytest.raises(BadInput, match=r"simulate\(workers=3\): does nothing with engine='local'"):
        simulate(small, engine="local", workers=3)
    with pytest.raises(BadInput, match=r"simulate\(worker_cpus=0.5\): does nothing with engine='local'"):
        simulate(small, engine="local", worker_cpus=0.5)
    with pytest.raises(BadInput, match=r"sweep\(workers=3\): does nothing with engine='local'"):
        sweep(small, {"width": [4]}, engine="local", workers=3)


def test_help_of_a_deployments_processes_needs_no_key_and_names_no_home():
    home = str(Path.home())
    surroundings = {name: value for name, value in os.environ.items() if name != "METAFED_CONTROL_KEY_FILE"}
    for module in ("superlink", "supernode"):
        done = command("--help", module=f"simulation.deployment.{module}", env=surroundings)
        assert done.returncode == 0, done.stderr
        assert "usage: " in done.stdout
        assert f"{home}/" not in done.stdout
