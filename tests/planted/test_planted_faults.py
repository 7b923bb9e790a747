"""Tests of the tests: every planted fault makes the tests named beside it fail."""

import pytest

from tests.planted.faults import FAULTS
from tests.planted.planting import Fault, said_with

SOME_FAILED = 1


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_by_the_tests_that_are_named(name):
    fault = FAULTS[name]
    code, said = said_with(name, fault, fault.caught_by)
    assert code == SOME_FAILED, said
    for test in fault.caught_by:
        assert f"FAILED {test}" in said, said
    assert "\nERROR " not in said, said


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
