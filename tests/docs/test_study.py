"""The commands of the worked study can be typed: they parse as they stand, with one budget, and run when made small."""

import json
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import tyro

from simulation.cli.flags import parse
from simulation.runs.sweep.plan import axes_of, cell, number

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "a-study.md").read_text(encoding="utf-8")
DOORS = {door: import_module(f"simulation.{door}") for door in ("sweep", "run", "compare")}
"""The modules: ``simulation.compare`` by itself is a function of the same name."""
OWN = ("--trials", "--out")
SMALL = {"--clients": "20", "--rounds": "1", "--trials": "2", "--seeds": "2", "--cohort": "4"}


def commands(door: str) -> list[list[str]]:
    """Return the words of each command of a door, as the page has them."""
    return [shlex.split(words) for words in re.findall(rf"^python -m simulation\.{door} (.+)$", PAGE, re.MULTILINE)]


def taken(words: list[str], flag: str) -> str:
    """Return the value of a flag."""
    return words[words.index(flag) + 1]


def without(words: list[str], flags: tuple[str, ...]) -> list[str]:
    """Return a command without flags that have a value each."""
    places = {words.index(flag) for flag in flags if flag in words}
    return [word for place, word in enumerate(words) if place not in places and place - 1 not in places]


def test_every_command_parses_and_all_methods_have_one_budget():
    tuned, tested = commands("sweep"), commands("run")
    shared = []
    for words in tuned:
        rest, axes = axes_of(without(words, OWN), ranges=True)
        assert {axis.flag for axis in axes} >= {"--algorithm.inner-lr", "--outer-lr"}
        shared.append(cell(rest, {axis.flag: number(axis, axis.low) for axis in axes}).config.experiment)
    assert len({taken(words, "--trials") for words in tuned}) == 1
    configs = [parse(words) for words in tested]
    shared += [config.experiment for config in configs]
    for what in ("tasks", "clients", "unseen", "validation", "rounds", "cohort"):
        of_family = {(each.tasks, getattr(each, what)) for each in shared}
        assert len(of_family) == len({each.tasks for each in shared}), what
    seeds = {(config.experiment.tasks, config.experiment.seed, config.seeds) for config in configs}
    assert len(seeds) == len({tasks for tasks, _, _ in seeds})
    # people that tuning has seen are none of the test
    for _, first, count in seeds:
        assert {taken(words, "--seed") for words in tuned}.isdisjoint(map(str, range(first, first + count)))
    folders = {taken(words, "--out") for words in tested}
    for words in commands("compare"):
        asked = tyro.cli(DOORS["compare"].Arguments, args=words)
        assert {str(folder) for folder in asked.runs} <= folders


@pytest.mark.slow
def test_the_commands_run_one_after_another(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    doors = [(door, words) for door in DOORS for words in commands(door)]
    for door, words in doors:
        if "clinc" in " ".join(words):
            continue
        places = {words.index(flag) + 1: value for flag, value in SMALL.items() if flag in words}
        assert DOORS[door].main([places.get(place, word) for place, word in enumerate(words)]) == 0
    assert "unseen clients, 2 seeds" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "runs" / "maml" / "seed-1" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["experiment"]["validation"] == 0.2
