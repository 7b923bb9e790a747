"""Who is at fault follows from the description, the seed and the round, and from nothing else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.core.errors import DataError
from metafed.experiment.settings import Experiment
from metafed.faults import KINDS, Faults, read_faults
from metafed.federation.federation import Federation


def plan(*faults, seed=0, seen=40):
    return Faults(read_faults(json.dumps({"fault": faults})), seed, seen)


def affected(found, kinds=KINDS):
    return sorted(found.among(range(1000), 1, kinds))


@given(st.integers(0, 99), st.integers(5, 60), st.floats(0.05, 0.4), st.floats(0.05, 0.4))
@settings(max_examples=60, deadline=None)
def test_shares_are_exact_disjoint_and_drawn_once(seed, seen, first, second):
    found = plan({"kind": "crash", "share": first}, {"kind": "scale", "share": second}, seed=seed, seen=seen)
    crash, scale = affected(found, ["crash"]), affected(found, ["scale"])
    assert (len(crash), len(scale)) == (max(1, round(first * seen)), max(1, round(second * seen)))
    assert not set(crash) & set(scale)
    assert affected(found) == sorted([*crash, *scale])
    again = plan({"kind": "crash", "share": first}, {"kind": "scale", "share": second}, seed=seed, seen=seen)
    assert affected(again, ["crash"]) == crash


def test_another_seed_afflicts_others():
    assert affected(plan({"kind": "nan", "share": 0.3})) != affected(plan({"kind": "nan", "share": 0.3}, seed=1))


def test_first_last_and_rate_say_when():
    always = plan({"kind": "nan", "clients": [3], "first": 4, "last": 6})
    assert [n for n in range(1, 10) if always.on(3, n)] == [4, 5, 6]
    assert always.on(2, 5) is None
    often = plan({"kind": "crash", "clients": [3], "rate": 0.25})
    hit = [n for n in range(1, 2001) if often.on(3, n)]
    assert 430 < len(hit) < 570  # 500 ± 3.6 standard deviations
    assert hit == [n for n in range(1, 2001) if often.on(3, n)]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "sign-flop", "share": 0.1}, "did you mean 'sign-flip'"),
        ({"kind": "nan"}, "say who"),
        ({"kind": "nan", "share": 0.1, "clients": [1]}, "say who"),
        ({"kind": "nan", "shares": 0.1}, "did you mean 'share'"),
        ({"kind": "nan", "share": 1.5}, "less than or equal to 1"),
        ({"kind": "nan", "share": 0.1, "strength": 2}, "has no strength"),
        ({"kind": "stale", "share": 0.1, "strength": 2.5}, "whole"),
        ({"kind": "stale", "share": 0.1, "strength": -3}, "1 or more"),
        ({"kind": "crash", "share": 0.1, "seconds": 2}, "seconds are for kind 'hang'"),
        ({"kind": "crash", "share": 0.1, "first": 4, "last": 3}, "before first"),
    ],
)
def test_a_bad_description_is_refused_by_name(fault, reason):
    with pytest.raises(DataError, match=reason):
        read_faults(json.dumps({"fault": [fault]}))


def test_clients_that_do_not_train_or_are_named_twice_are_refused():
    with pytest.raises(DataError, match="client 40 does not train"):
        plan({"kind": "nan", "clients": [40]})
    with pytest.raises(DataError, match="client 3 is named twice"):
        plan({"kind": "nan", "clients": [3]}, {"kind": "crash", "clients": [3]})
    with pytest.raises(DataError, match="and 8 are left"):
        plan({"kind": "nan", "share": 0.8}, {"kind": "crash", "share": 0.5})


def test_a_file_travels_as_what_it_says(tmp_path):
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "random"\nshare = 0.25\nstrength = 3\n')
    experiment = Experiment(faults=read_faults(str(file)))
    file.unlink()
    again = Experiment.from_run_config(experiment.to_run_config())
    assert again == experiment
    assert len(affected(Federation(again).faults)) == 10
    with pytest.raises(ValueError, match="No such file"):
        read_faults(str(file))
    file.write_text("kind = ")
    with pytest.raises(ValueError, match="not TOML"):
        read_faults(str(file))


def test_every_kind_has_a_line_in_the_documentation():
    with open("docs/faults.md", encoding="utf-8") as file:
        text = file.read()
    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
