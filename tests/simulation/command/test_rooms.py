"""The command ``metafed``, and our packages beside others of the same names in the folder where one works."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from simulation import HOME
from simulation.__main__ import COMMANDS, main
from simulation.cli.exits import called

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def flower_project(tmp_path, monkeypatch):
    """A folder of somebody else's modules under the names of our packages."""
    for name in ("client", "server", "metafed"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(*words):
    """Return the finished process of an interpreter that looks into the current folder first."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, timeout=60)


def test_our_packages_are_those_beside_each_other(flower_project):
    done = python("-c", "import simulation, client.daemon, server, metafed; print(client.__file__)")
    assert done.stdout == f"{ROOT / 'client' / '__init__.py'}\n", done.stderr
    done = python("-m", "simulation.run", "--cohort", "99")
    assert done.returncode == 2
    assert done.stderr == "metafed: --cohort 99 exceeds --clients 50; choose at most 50\n"


def test_a_module_that_is_loaded_under_our_name_is_named(flower_project):
    (flower_project / "client.py").write_text("")
    done = python("-c", "import client, simulation")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"{flower_project / 'client.py'} is imported as 'client'" in last
    assert f"a package of metafed, in {ROOT}: rename it" in last


def test_an_algorithm_in_a_module_of_our_name_is_told_apart(flower_project, capsys):
    assert main(["run", "--algorithm", "client:Mine"]) == 2
    assert f"client is a package of metafed, in {HOME}: rename your client.py" in capsys.readouterr().err


def test_an_algorithm_of_the_current_folder_is_said_to_be_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    (tmp_path / "mine_here.py").write_text("")
    assert main(["run", "--algorithm", "mine_here:Mine"]) == 2
    assert "mine_here.py of the current folder is found by PYTHONPATH=." in capsys.readouterr().err


def test_every_command_has_its_main():
    for name, (module, about) in COMMANDS.items():
        assert callable(importlib.import_module(module).main), name
        assert about
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = script["metafed"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a command: run, report, compare,"),
        (["compar"], "unknown command 'compar'; did you mean 'compare'?"),
        (["run", "--cohort", "99"], "--cohort 99 exceeds --clients 50"),
        (["report"], "name the folder of a run"),
        (["deploy", "--nodes", "0"], "--nodes 0"),
    ],
)
def test_bad_input_is_one_line(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.count("\n") == 1


def test_help_lists_the_commands_and_each_names_itself_as_it_was_called(monkeypatch, capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert called("run") == "python -m simulation.run"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/metafed", "compare", "--help"])
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    assert "usage: metafed compare" in capsys.readouterr().out
