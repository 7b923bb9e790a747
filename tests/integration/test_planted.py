"""Planted unfairness is found and named by what a report says of a run; where nothing is planted there is no alarm."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metafed as mf
from metafed.core.episodes import MINIMUM, Examples, Shots
from metafed.core.streams import stream
from metafed.experiment.settings import Experiment
from metafed.fairness.alarms import worse_off
from metafed.faults.injected_bias import parse_bias
from metafed.federation.federation import Federation
from simulation import simulate
from simulation.records.runs import read_run
from simulation.report.findings import findings
from simulation.run import main

SHOTS = Shots(5, 5, 20, per_class=False)
SMALL = ["--engine", "local", "--quiet", "--eval-every", "0", "--width", "8", "--rounds", "8", "--cohort", "30"]
ALIKE = "flops = 1e8\nmemory = 1e9\ndown = 1e6\nup = 1e6\nonline = 0.9\ndropout = 0.05\nspread = 0.2\n"
FAIR = f"[tiers.one]\nshare = 0.5\n{ALIKE}[tiers.two]\nshare = 0.3\n{ALIKE}[tiers.three]\nshare = 0.2\n{ALIKE}"
SLOW = FAIR.replace("share = 0.2\nflops = 1e8", "share = 0.2\nflops = 1e5")


def verdict(folder):
    return findings(read_run(folder))["verdict"]


def alarms(folder):
    found = json.loads((folder / "summary.json").read_text())["alarms"]
    return {(one["what"], one["by"], one["name"]) for one in found}


def test_half_the_data_noisy_labels_and_a_late_tier_are_each_found_and_named(tmp_path):
    (tmp_path / "fleet.toml").write_text(SLOW)
    plant = ["--inject-bias", "poor:0.25:rows=0.5,noisy:0.25:labels=0.7", "--clients", "120"]
    late = ["--devices.tiers", str(tmp_path / "fleet.toml"), "--devices.deadline", "1"]
    assert main([*SMALL, *plant, *late, "--out", str(tmp_path / "run")]) == 0
    assert alarms(tmp_path / "run") == {
        ("rows", "group", "poor"),
        ("score", "group", "noisy"),
        ("finished", "device", "three"),
    }
    said = " ".join(verdict(tmp_path / "run"))
    assert "Clients of group “poor” own fewer rows than others" in said
    assert "Clients of group “noisy” are served worse than others" in said
    assert "Clients with the device “three” finish 0% of the rounds that they are asked for" in said
    # what is planted is said of the run, and is in its report
    remark = "poor 25% with 50% of their rows; noisy 25% with 70% of their labels dealt anew; others 50%"
    assert remark in " ".join(json.loads((tmp_path / "run" / "manifest.json").read_text())["guard"])
    page = (tmp_path / "run" / "report.html").read_text()
    for name in ("“poor”", "“noisy”", "“three”"):
        assert name in page


def test_noisy_labels_are_named_where_evaluation_labels_are_clean_and_alarm_nobody_since_no_score_is_of_them():
    rng = stream(0, "tests/noisy")
    user, x = np.repeat(np.arange(80), 40), rng.normal(size=(3200, 3))
    clean = (x @ [1.0, 1.0, 0.5] + 0.3 * rng.normal(size=80)[user] > 0).astype(int)
    group = np.where(user % 4 == 0, "careless", "careful")
    dealt = np.where((group == "careless") & (rng.random(3200) < 0.8), rng.integers(0, 2, 3200), clean)
    columns = {"user": [f"u{u}" for u in user], **dict(zip("abc", x.T, strict=True)), "y": dealt, "clean": clean}
    family = mf.Family.from_frame(
        "taps", pl.DataFrame({**columns, "group": group}), client="user", target="y", features=list("abc"),
        group="group", kind="classification", target_evaluation="clean",
    )  # fmt: skip
    experiment = mf.Experiment(families=[family], clients=80, rounds=8, width=8, eval_every=0)
    run = simulate(experiment, engine="local", progress=False)
    assert alarms(run.folder) == set()
    (data,) = run.manifest["data"].values()
    said = " ".join(data["notes"])
    assert "labels are noisy: 'y' differs from 'clean' in 1" in said
    assert "of those of group 'careless', the noisiest" in said


def null(folder, seed):
    """Run with groups and devices in which nothing is planted."""
    (folder / "fleet.toml").write_text(FAIR)
    plant = [
        "--inject-bias",
        "red:0.3,green:0.3,blue:0.4",
        "--devices.tiers",
        str(folder / "fleet.toml"),
        "--devices.deadline",
        "1",
    ]
    assert main([*SMALL, *plant, "--clients", "60", "--seed", str(seed), "--out", str(folder / f"{seed}")]) == 0
    return folder / f"{seed}"


def test_with_nothing_planted_the_report_says_that_there_is_no_alarm(tmp_path):
    folder = null(tmp_path, 0)
    assert alarms(folder) == set()
    assert verdict(folder)[-1].startswith("No group and no kind of device is worse off than chance explains")


@pytest.mark.slow
def test_with_nothing_planted_there_is_no_alarm_in_19_of_20_seeds(tmp_path):
    assert sum(not alarms(null(tmp_path, seed)) for seed in range(20)) >= 19


def test_false_alarms_are_as_rare_as_the_p_values_say():
    """Of 60 draws without any difference p is below 0.1 for some label in about 6."""
    rng = np.random.default_rng(0)
    labels, strata = list("aabbbccccc" * 6), list("xyz" * 20)
    smallest = [min(worse_off(rng.normal(size=60), labels, strata, rng).values()) for _ in range(60)]
    assert np.mean(np.array(smallest) < 0.1) < 0.22
    assert np.mean(np.array(smallest) < 0.5) == pytest.approx(0.5, abs=0.2)


def test_a_label_is_compared_within_strata_only():
    values = np.array([1.0] * 20 + [9.0] * 20)
    strata = ["low"] * 20 + ["high"] * 20
    assert worse_off(values, strata, strata, stream(0, "x")) == {}
    rng = np.random.default_rng(1)
    noise, label = rng.normal(size=40) * 0.1, ["a", "b"] * 20
    found = worse_off(values + noise - np.array([3.0, 0.0] * 20), label, strata, stream(0, "x"))
    assert found["a"] < 0.001
    assert found["b"] > 0.9


def rows(count, block=None, time=None, evaluation=None):
    x = np.arange(count, dtype=np.float32)[:, None]
    return Examples(x, np.arange(count) % 3, "own", np.ones(count), evaluation, block, time)


@given(st.integers(12, 200), st.floats(0.01, 1), st.integers(0, 50), st.booleans())
@settings(deadline=None)
def test_a_group_with_part_of_the_data_keeps_that_part_of_every_client(count, part, client, per_class):
    shots = Shots(5, 5, 20, per_class)
    plant = parse_bias(f"poor:1:rows={part!r}")
    own = plant(0, client, rows(count), shots)
    strata = [count // 3 + (count % 3 > label) for label in range(3)] if per_class else [count]
    assert len(own.y) == sum(min(size, max(MINIMUM, int(np.ceil(part * size)))) for size in strata)
    assert len(own.x) == len(own.y) == len(own.oracle_score) == len(set(own.x[:, 0].tolist()))
    assert (own.x[:, 0].astype(int) % 3 == own.y).all()
    assert own.group == "poor"


def test_blocks_stay_whole_and_the_latest_rows_are_kept():
    plant = parse_bias("poor:1:rows=0.5")
    blocks = plant(0, 1, rows(60, block=np.arange(60) // 6), SHOTS).block
    assert len(set(blocks.tolist())) == 5
    assert all((blocks == number).sum() == 6 for number in set(blocks.tolist()))
    late = plant(0, 1, rows(40, time=np.arange(40)[::-1].copy()), SHOTS)
    assert sorted(late.time.tolist()) == list(range(20, 40))
    reported = plant(0, 1, rows(40, evaluation=np.arange(40) % 4 == 0), SHOTS)
    assert (reported.evaluation.sum(), (~reported.evaluation).sum()) == (5, 15)


def test_labels_are_dealt_anew_among_a_part_of_the_rows():
    own = rows(3000)
    noisy = parse_bias("noisy:1:labels=0.5")(0, 1, own, SHOTS)
    assert np.bincount(noisy.y).tolist() == np.bincount(own.y).tolist()
    assert (noisy.y != own.y).mean() == pytest.approx(0.5 * 2 / 3, abs=0.04)
    assert np.isnan(noisy.oracle_score).all()
    assert (noisy.x == own.x).all()


def test_groups_are_drawn_by_their_shares_and_nothing_else_changes():
    plain, planted = (Federation(Experiment(clients=30, plant=plant)).population for plant in (None, "a:0.5,b:0.5"))
    for client in range(30):
        left, right = plain.split(client), planted.split(client)
        assert np.array_equal(left.own.x, right.own.x)
        assert np.array_equal(left.training.rows, right.training.rows)
    names = [parse_bias("a:0.3")(0, client, rows(12), SHOTS).group for client in range(1000)]
    assert names.count("a") == pytest.approx(300, abs=2.8 * 14.5)
    assert set(names) == {"a", "others"}


BAD = {
    "": "no group is named",
    "poor": "how large is the group? give poor:SHARE",
    "poor:2": "the share must be above 0 and at most 1, got '2'",
    "poor:0.6,rich:0.6": "shares add up to 1.2",
    "poor:0.1,poor:0.2": "'poor' is named twice",
    "others:0.1": "'others' is the rest's own name",
    "poor:0.1:row=0.5": "'row' is neither rows, labels nor of=rows",
    "poor:0.1:rows=nan": "rows must be above 0",
    "poor:0.1:rows=0.5:rows=0.4": "'rows' is given twice",
    "<b>:0.1": "a group's name is of letters",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_plants_are_refused(text):
    with pytest.raises(ValueError, match=BAD[text].replace("?", r"\?")):
        Experiment(plant=text)


def test_labels_of_a_world_cannot_be_spoilt():
    with pytest.raises(ValueError, match="control and has no labels to spoil"):
        Experiment(tasks="environment:navigation", plant="x:0.5:labels=0.5")
