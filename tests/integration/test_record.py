"""Devices in whole runs: the ledger adds up, an empty round is a round. (Same bits by any workers: tests/laws.)"""

import json
from collections import Counter

import polars as pl
import pytest

from simulation.run import main
from tests.simulation.command.running import clients, command, rounds, run, sha

FLEET = """
time-zones = [0, 9]
[tiers.fast]
share = 0.5
flops = 1e9
memory = 1e9
down = 1e7
up = 1e7
joules-per-byte = 1e-7
watts = 50
[tiers.slow]
share = 0.4
flops = 1e6
memory = 1e9
down = 1e6
up = 1e6
online = 0.8
dropout = 0.2
spread = 0.3
watts = 2
[tiers.tiny]
share = 0.1
flops = 1e9
memory = 1000
down = 1e6
up = 1e6
[by-group.newcomer]
slow = 1.0
"""
SMALL = ("--clients", 24, "--cohort", 10, "--rounds", 6, "--chunk", 3, "--eval-every", 3, "--width", 8)
LATE = ("--devices.tiers", "fleet.toml", "--devices.deadline", "0.5", "--devices.late", "shorten", "--sampling", "data")


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    """An experiment with devices."""
    base = tmp_path_factory.mktemp("devices")
    (base / "fleet.toml").write_text(FLEET)
    return run(base / "local", *SMALL, *LATE, "--engine", "local", cwd=base)


def test_every_line_says_what_became_of_whom(devices):
    lines, frame = rounds(devices)[1:], clients(devices)
    happened, now = Counter(), 0.0
    for line in lines:
        assert len(line["cohort"]) == 10
        assert line["virtual_start"] == pytest.approx(now)
        now += 600
        assert 0 < line["virtual_seconds"] <= 0.5
        attendance = line["attendance"]
        assert line["virtual_seconds"] == max(attendance["seconds"])
        assert line["joules"] == pytest.approx(sum(attendance["joules"]))
        missed = [*line["late"], *line["dropped_out"], *line["offline"], *(one["client"] for one in line["excluded"])]
        trained = frame.filter(phase="train", round=line["round"])
        assert sorted([*missed, *trained["client"]]) == line["cohort"]
        taken = dict(zip(trained["client"], trained["step"], strict=True))
        planned = dict(zip(line["cohort"], attendance["steps"], strict=True))
        assert taken == {client: planned[client] for client in taken}
        assert {client for client, steps in taken.items() if steps < 5} == set(line["shortened"])
        happened.update({key: len(line[key]) for key in ("late", "shortened", "dropped_out", "offline", "excluded")})
        for one in line["excluded"]:
            assert "its tiny has 1 kB for it" in one["reason"]
    assert all(happened.values()), happened


def test_the_ledger_adds_up_and_the_summary_is_made_of_it(devices):
    folder = devices
    people, lines = pl.read_parquet(folder / "participation.parquet"), rounds(folder)[1:]
    asked = Counter(client for line in lines for client in line["cohort"])
    assert dict(zip(people["client"], people["asked"], strict=True)) == {c: asked[c] for c in range(24)}
    parts = ("finished", "late", "dropped_out", "offline", "excluded", "failed")
    assert (people["asked"] == sum(people[name] for name in parts)).all()
    assert (people["shortened"] <= people["finished"]).all()
    assert people["joules"].sum() == pytest.approx(sum(line["joules"] for line in lines))
    evaluated = clients(folder).filter(phase="evaluate", round=6)
    first, last = (evaluated.filter(step=step).sort("client")["score"] for step in (0, 5))
    assert (people["after"] == last).all()
    assert (people["gain"] == last - first).all()
    assert set(people.filter(seen=False)["asked"]) == {0}
    summary = json.loads((folder / "summary.json").read_text())["participation"]
    seen = people.filter(seen=True)
    assert {name: summary[name] for name in parts} == {name: seen[name].sum() for name in parts}
    for by, column in (("device", "device"), ("group", "group")):
        assert {row["name"]: row["clients"] for row in summary["by"][by]} == dict(Counter(seen[column]))
    assert sum(row["clients"] for row in summary["by"]["finished"]) == seen.height
    # families' means are the middle
    assert sum(row["clients"] * row["against_family"]["value"] for row in summary["by"]["finished"]) == pytest.approx(0)
    tiny = next(row for row in summary["by"]["device"] if row["name"] == "tiny")
    assert tiny["finished"] == 0
    assert tiny["share_finished"] == 0


def test_devices_are_in_the_clients_rows_and_depend_on_groups_where_the_file_says_so(devices):
    frame = clients(devices).unique("client")
    assert set(frame["device"]) == {"fast", "slow", "tiny"}
    assert set(frame.filter(group="newcomer")["device"]) == {"slow"}


def test_an_empty_round_is_a_round(tmp_path):
    words = ["--engine", "local", "--sampling", "poisson", "--cohort", "1", "--clients", "10", "--rounds", "8"]
    assert (
        main([*words, "--width", "8", "--eval-every", "0", "--quiet", "--no-report", "--out", str(tmp_path / "run")])
        == 0
    )
    lines = rounds(tmp_path / "run")[1:]
    assert len(lines) == 8
    empty = [line for line in lines if not line["cohort"]]
    assert empty
    assert all((line["clients"], line["loss"], line["bytes_up"], line["failed"]) == (0, None, 0, []) for line in empty)


def test_nobody_there_leaves_theta_as_it_was(tmp_path):
    fleet = "[tiers.gone]\nshare=1\nflops=1e9\nmemory=1e9\ndown=1e6\nup=1e6\nonline=0\n"
    (tmp_path / "gone.toml").write_text(fleet)
    words = [
        "--engine",
        "local",
        "--clients",
        "6",
        "--width",
        "8",
        "--quiet",
        "--no-report",
        "--devices.tiers",
        str(tmp_path / "gone.toml"),
    ]
    for name, sampling in (("uniform", "uniform"), ("there", "availability")):
        assert main([*words, "--rounds", "3", "--sampling", sampling, "--out", str(tmp_path / name)]) == 0
        assert [line["virtual_start"] for line in rounds(tmp_path / name)[1:]] == [0, 600, 1200]
    assert main([*words, "--rounds", "0", "--out", str(tmp_path / "none")]) == 0
    assert sha(tmp_path / "uniform") == sha(tmp_path / "there") == sha(tmp_path / "none")


def test_availability_asks_nobody_who_is_offline(tmp_path):
    (tmp_path / "fleet.toml").write_text(FLEET)
    words = [
        "--engine",
        "local",
        *map(str, SMALL),
        "--quiet",
        "--no-report",
        "--devices.tiers",
        str(tmp_path / "fleet.toml"),
    ]
    assert main([*words, "--sampling", "availability", "--out", str(tmp_path / "run")]) == 0
    lines = rounds(tmp_path / "run")[1:]
    assert all(line["cohort"] and not line["offline"] for line in lines)


def test_by_rows_those_with_many_rows_are_asked_more_often(devices):
    people = pl.read_parquet(devices / "participation.parquet").filter(seen=True).sort("n")
    assert people["asked"][:6].sum() < people["asked"][-6:].sum()


def test_power_of_choice_asks_everyone_once_and_then_those_of_largest_loss(tmp_path):
    words = ["--clients", "12", "--cohort", "3", "--unseen", "0", "--rounds", "7", "--tasks", "avatar", "--width", "8"]
    own = ["--sampling", "power-of-choice", "--sampling.candidates", "12", "--engine", "local", "--quiet"]
    assert main([*words, *own, "--eval-every", "0", "--out", str(tmp_path / "run")]) == 0
    lines, reported = rounds(tmp_path / "run")[1:], {}
    trained = clients(tmp_path / "run").filter(phase="train")
    for line in lines:
        if len(reported) < 12:
            assert not set(line["cohort"]) & set(reported)
        else:
            assert line["cohort"] == sorted(sorted(reported, key=lambda client: -reported[client])[:3])
        rows = trained.filter(round=line["round"])
        reported |= dict(zip(rows["client"], rows["loss"], strict=True))


BAD = {
    "near miss": (["--sampling", "poison"], ["--sampling", "did you mean 'poisson'"]),
    "setting of another": (["--sampling", "poisson", "--sampling.candidates", "3"], ["--sampling.candidates"]),
    "too few": (
        ["--sampling", "power-of-choice", "--sampling.candidates", "2", "--cohort", "5"],
        ["--sampling.candidates 2", "at least the cohort of 5"],
    ),
    "no file": (["--devices.tiers", "nowhere.toml"], ["--devices.tiers nowhere.toml", "No such file"]),
    "no group": (
        ["--devices.tiers", "fleet.toml", "--tasks", "avatar"],
        ["by-group.newcomer", "no client is of this group"],
    ),
    "deadline": (["--devices.deadline", "-1"], ["--devices.deadline", "greater than 0"]),
    "late": (["--devices.late", "wait"], ["--devices.late"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_and_leaves_nothing(case, tmp_path):
    (tmp_path / "fleet.toml").write_text(FLEET)
    words, said = BAD[case]
    done = command(*words, "--engine", "local", "--rounds", 1, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    for text in said:
        assert text in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fleet.toml"]
