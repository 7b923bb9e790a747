"""Descriptions of devices: the default, shares by group, and what is said of a bad file."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from metafed.core.errors import DataError
from metafed.devices.fleet import HOUR, Fleet, fleet
from metafed.devices.tiers import DEFAULT, Description, describe
from metafed.experiment.settings import Experiment
from simulation.cli.console import virtual

ONE = {"share": 1, "flops": 1e9, "memory": 1e9, "down": 1e6, "up": 1e6}


def made(tiers, **more):
    return Description.model_validate({"tiers": {name: {**ONE, **own} for name, own in tiers.items()}, **more})


def test_the_default_has_the_four_tiers_and_the_weaker_is_slower():
    own = describe("default")
    assert list(own.tiers) == ["headset", "phone", "console", "workstation"]
    speeds = [tier.flops for tier in own.tiers.values()]
    assert speeds == sorted(speeds)
    assert all(len(tier.online) == 24 for tier in own.tiers.values())
    assert fleet("none", 0) is None


def test_tiers_are_drawn_by_their_shares_and_follow_from_seed_and_client():
    own = Fleet(3, made({"a": {"share": 0.5}, "b": {"share": 0.3}, "c": {"share": 0.2}}))
    counts = Counter(own.device(client, "").name for client in range(3000))
    assert chisquare([counts[name] for name in "abc"], [1500, 900, 600]).pvalue > 0.005
    again = Fleet(3, own.description)
    assert all(again.device(c, "") == own.device(c, "") for c in range(50))
    assert any(Fleet(4, own.description).device(c, "").name != own.device(c, "").name for c in range(50))


def test_shares_may_depend_on_the_group():
    tiers = {"weak": {"share": 0.1}, "strong": {"share": 0.9}}
    own = Fleet(0, made(tiers, **{"by-group": {"poor": {"weak": 1.0}}}))
    assert {own.device(client, "poor").name for client in range(200)} == {"weak"}
    assert Counter(own.device(client, "rich").name for client in range(1000))["weak"] == pytest.approx(100, abs=35)
    assert own.needs_groups
    assert not Fleet(0, made(tiers)).needs_groups


def test_whom_a_richer_group_gives_a_weak_device_has_one_in_a_poorer_group_too():
    tiers = {"weak": {"share": 0.1}, "strong": {"share": 0.9}}
    own = Fleet(0, made(tiers, **{"by-group": {"poor": {"weak": 0.5, "strong": 0.5}}}))
    rich, poor = ({c for c in range(500) if own.device(c, group).name == "weak"} for group in ("rich", "poor"))
    assert rich
    assert rich < poor


def test_who_is_online_changes_by_the_local_hour():
    night = [1.0] * 6 + [0.0] * 18
    own = Fleet(0, made({"a": {"online": night}}, **{"time-zones": [2]}))
    for client in range(20):
        # local midnight is 22 h in UTC
        assert own.online(client, "", 22 * HOUR)
        assert own.online(client, "", 27.9 * HOUR)
        assert not own.online(client, "", 4.1 * HOUR)


def test_online_is_drawn_anew_every_hour_and_stays_within_it():
    own = Fleet(0, made({"a": {"online": 0.5}}))
    moments = [(client, hour) for client in range(60) for hour in range(30)]
    there = [own.online(client, "", hour * HOUR) for client, hour in moments]
    assert chisquare([sum(there), len(there) - sum(there)]).pvalue > 0.005
    assert there == [own.online(client, "", (hour + 0.99) * HOUR) for client, hour in moments]


@given(st.floats(0, 2), st.integers(0, 10_000))
@settings(deadline=None)
def test_speeds_of_a_tier_without_spread_are_alike_and_others_are_positive(spread, client):
    assert Fleet(0, made({"a": {}})).device(client, "").speed == 1
    assert Fleet(0, made({"a": {"spread": spread}})).device(client, "").speed > 0


BAD = {
    "no TOML": ("tiers = [", "not TOML"),
    "no tiers": ("every = 3", "tiers: is missing"),
    "unknown key": ("[tiers.a]\nshare=1\nflops=1\nmemory=1\ndown=1\nup=1\nlatncy=2", "did you mean 'latency'?"),
    "lacks": ("[tiers.a]\nshare=1\nmemory=1\ndown=1\nup=1", "tiers.a.flops: is missing"),
    "negative": ("[tiers.a]\nshare=1\nflops=-1\nmemory=1\ndown=1\nup=1", "tiers.a.flops = -1: input should be greater"),
    "infinite": ("[tiers.a]\nshare=1\nflops=inf\nmemory=1\ndown=1\nup=1", "tiers.a.flops = inf"),
    "shares": ("[tiers.a]\nshare=0.7\nflops=1\nmemory=1\ndown=1\nup=1", "tiers: shares add up to 0.7, not to 1"),
    "hours": ("[tiers.a]\nshare=1\nflops=1\nmemory=1\ndown=1\nup=1\nonline=[1, 0]", "24 of them"),
    "by-group": (
        "[tiers.phone]\nshare=1\nflops=1\nmemory=1\ndown=1\nup=1\n[by-group.x]\nphnoe=1",
        "by-group.x: no tier is called 'phnoe'; did you mean 'phone'?",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_description_is_refused_in_one_line_that_names_what_is_wrong(case, tmp_path):
    text, said = BAD[case]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        describe(str(path))
    assert said in str(error.value)
    assert str(error.value).startswith(f"--devices.tiers {path}: ")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there():
    with pytest.raises(DataError, match=r"--devices.tiers nowhere.toml: No such file"):
        describe("nowhere.toml")


def test_the_default_can_be_copied(tmp_path):
    copy = tmp_path / "copy.toml"
    copy.write_text(DEFAULT.read_text())
    assert describe(str(copy)) == describe("default")


def test_the_console_says_until_when_a_round_waits():
    said = [virtual(Experiment(devices="default", **own), fleet("default", 0)) for own in ({}, {"deadline": 0.12})]
    assert said[0].endswith("; no deadline")
    assert said[1].endswith("; deadline 0.12 virtual s, the late are dropped")
