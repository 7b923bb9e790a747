"""The command for a card: what it does without one is all but the card; a part that fails costs itself alone."""

import json
import sys
from argparse import Namespace

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import omniglot, speed, tests
from benchmarks.gpu.budget import Part

HANGING = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
print('benchmarks.gpu found: {"found": 7}', flush=True)
time.sleep(60)
"""
"""A part that hangs, and that has started what would keep its pipes open."""
ALL_BUT_TESTS = [name for name in command.PARTS if name != "tests"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("gpu") / "gpu.json"
    assert command.main(["--device", "cpu", "--quick", "--json", str(path), "--only", *ALL_BUT_TESTS]) == 0
    return json.loads(path.read_text())


def test_every_part_is_done_on_the_cpu(found):
    assert {name: each["state"] for name, each in found["figures"].items()} == dict.fromkeys(ALL_BUT_TESTS, "done")
    assert not any(each["left_out"] for each in found["figures"].values())
    assert found["machine"]["missing"] == []


def test_the_cpu_agrees_with_itself_and_a_chunk_without_room_is_halved(found):
    parts = {name: each["found"] for name, each in found["figures"].items()}
    assert all(each["agrees"] and each["away"] == 0 for each in parts["parity"].values())
    assert all(each["same_bits"] for each in parts["determinism"].values())
    (halved,) = parts["halving"]["halved"]
    assert (halved["tried"], halved["fitted"], parts["halving"]["failures"]) == (4, 2, [])
    assert parts["halving"]["away"] < 1e-6


def test_all_networks_train_without_a_failure_and_have_operations(found):
    rounds = found["figures"]["rounds"]["found"]
    assert set(rounds) == {f"{network}, 4" for network in speed.NETWORKS}
    assert all(each["failed"] == 0 and each["tflops"] > 0 for each in rounds.values())
    assert found["figures"]["omniglot"]["found"]["curve"][0]["round"] == 1


def test_a_part_that_fails_costs_itself_alone_and_the_file_says_why(tmp_path, monkeypatch):
    path = tmp_path / "gpu.json"
    monkeypatch.setattr(omniglot, "SETTINGS", {**omniglot.SETTINGS, "inner_lr": "no"})
    words = ["--device", "cpu", "--quick", "--json", str(path), "--only", "omniglot", "peak"]
    assert command.main(words) == 1
    figures = json.loads(path.read_text())["figures"]
    assert "inner_lr" in figures["omniglot"]["state"]
    assert figures["peak"]["state"] == "done"


def test_without_time_nothing_is_begun_and_what_was_left_out_is_named():
    part = Part("cpu", -1.0, quick=True)
    speed.rounds(part)
    assert (part.found, part.left_out) == ({}, [f"{network}, 4" for network in speed.NETWORKS])


def test_all_parts_together_take_less_than_nine_minutes():
    assert sum(seconds for _, seconds in command.PARTS.values()) <= command.WHOLE
    assert command.WHOLE + command.GRACE < 9 * 60
    assert all(seconds > 0 for _, seconds in command.PARTS.values())


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ('print(\'benchmarks.gpu found: {"state": "done"}\')', "done"),
        ("raise SystemExit(3)", "failed: it ended with 3"),
        (
            "import time; print('benchmarks.gpu found: {\"found\": 7}', flush=True); time.sleep(60)",
            "failed: it took more",
        ),
        (
            HANGING,
            "failed: it took more",
        ),
    ],
    ids=["done", "died", "hangs", "hangs with what it started"],
)
def test_a_part_of_its_own_process_that_dies_or_hangs_is_recorded(code, says, monkeypatch):
    monkeypatch.setattr(command, "command_of", lambda *which: [sys.executable, "-S", "-c", code])
    monkeypatch.setattr(command, "GRACE", 0.0)
    options = Namespace(device="cpu", data_dir="")
    found = command.apart("peak", options, 0.5 if "sleep" in code else 20.0)
    assert found["state"].startswith(says)
    assert found.get("found") == (7 if "sleep" in code else None)


def test_without_a_card_it_says_so_before_anything_runs(tmp_path, capsys, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command.main(["--json", str(tmp_path / "gpu.json")]) == 2
    assert "--device cuda: " in capsys.readouterr().err
    assert not (tmp_path / "gpu.json").exists()


@pytest.mark.parametrize(("body", "fails"), [("pass", False), ("assert False", True)])
def test_the_tests_for_a_card_are_run_and_a_failure_is_one(body, fails, tmp_path, monkeypatch):
    file = tmp_path / "test_one.py"
    file.write_text(f"import pytest\n\n@pytest.mark.gpu\ndef test_one():\n    {body}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu\n")
    monkeypatch.setattr(tests, "ROOT", tmp_path)
    monkeypatch.setattr(tests, "TESTS", str(file))
    part = Part("cpu", 30.0)
    if fails:
        with pytest.raises(RuntimeError, match="pytest ended with 1"):
            tests.tests(part)
    else:
        tests.tests(part)
    assert any("1 failed" in line if fails else "1 passed" in line for line in part.found["said"])


def test_what_is_missing_is_installed_one_by_one_and_what_fails_is_named(monkeypatch):
    asked = []

    def run(words, seconds):
        asked.append(words[-1])
        return (0, "", "") if len(asked) > 1 else (1, "", "no network")

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None if name in ("flwr", "pytest") else 1)
    found = command.installed()
    assert [line.partition(">")[0] for line in asked] == ["flwr", "pytest"]
    assert found == {"state": "failed: flwr", "found": {"flwr": "failed: no network", "pytest": "installed"}}


def test_all_that_is_needed_has_a_line_in_the_project(monkeypatch):
    monkeypatch.setattr(command, "run", lambda words, seconds: (0, "", ""))
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    assert set(command.installed()["found"]) == set(command.NEEDED)
