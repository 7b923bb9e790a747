"""Tests of the tests: every planted fault makes the tests named beside it fail."""

import importlib.util
from pathlib import Path

import pytest

from tests.forked import forked
from tests.planted.faults import FAULTS
from tests.planted.planting import ROOT, Fault, said_with

SOME_FAILED = 1


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_by_the_tests_that_are_named(name):
    fault = FAULTS[name]
    code, said = said_with(name, fault, fault.caught_by)
    assert code == SOME_FAILED, said
    for test in fault.caught_by:
        assert f"FAILED {test}" in said, said
    assert "\nERROR " not in said, said


def test_every_fault_can_be_planted():
    for change in (change for fault in FAULTS.values() for change in fault.changes):
        file = Path(importlib.util.find_spec(change.module).origin)
        assert file.read_text(encoding="utf-8").count(change.old) == 1, f"{file}: {change.old}"


@pytest.mark.parametrize("name", list(FAULTS)[::9])
def test_some_of_them_are_planted_each_time(name):
    test_a_planted_fault_is_caught_by_the_tests_that_are_named(name)


def test_the_tests_that_catch_them_are_those_that_run_each_time():
    """Each is found by its name, and none is left out as slow."""
    named = sorted({test for fault in FAULTS.values() for test in fault.caught_by})
    collected = forked(
        pytest.main, ["-q", "--collect-only", "-m", "not slow", "-p", "no:cacheprovider", *named], cwd=ROOT
    )
    for test in named:
        assert any(line.startswith(test) for line in collected.stdout.splitlines()), test


@pytest.mark.slow
def test_planting_itself_makes_no_test_fail():
    """All tests that are named run without a fault beside this one; here some do in such a process."""
    some = [FAULTS[name].caught_by[0] for name in list(FAULTS)[::8]]
    code, said = said_with(None, Fault((), ()), some)
    assert code == 0, said


def test_a_fault_that_can_no_longer_be_planted_is_told():
    fault = FAULTS["a direction of the wrong sign"]
    (change,) = fault.changes
    gone = fault._replace(changes=[change._replace(old="what nobody wrote")])
    code, said = said_with("gone", gone, fault.caught_by)
    assert code != SOME_FAILED
    assert "plant this anew" in said
