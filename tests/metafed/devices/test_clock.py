"""The virtual clock: exact arithmetic, and laws of what is spent until a round is broken off."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.devices.clock import Load, trip
from metafed.devices.fleet import Device
from metafed.devices.tiers import Tier

TIER = Tier(
    **{"share": 1, "flops": 4e6, "memory": 1e9, "down": 1000, "up": 500, "latency": 0.25, "watts": 8},
    **{"joules-per-byte": 0.001},
)


def test_seconds_and_joules_of_a_round_by_hand():
    way = trip(Load(flops=6e6, bytes_down=2000, bytes_up=1000), Device("phone", TIER, 0, 1.0))
    assert (way.wait, way.down, way.compute, way.up) == (0.25, 2.0, 1.5, 2.0)
    assert way.seconds == 5.75
    assert way.joules(way.seconds) == 8 * 1.5 + 0.001 * 3000
    # broken off while waiting, half-way through the download, the computing and the upload
    assert [way.joules(moment) for moment in (0.2, 1.25, 3.0, 4.75)] == [0, 1.0, 2.0 + 8 * 0.75, 2.0 + 12.0 + 0.5]


def test_a_device_that_is_twice_as_fast_takes_half_as_long_beside_the_latency():
    slow, fast = (trip(Load(6e6, 2000, 1000), Device("phone", TIER, 0, speed)) for speed in (1.0, 2.0))
    assert fast.seconds - 0.25 == (slow.seconds - 0.25) / 2
    assert fast.joules(fast.seconds) == slow.joules(slow.seconds) - 8 * 0.75


def test_nothing_to_send_takes_no_time():
    way = trip(Load(4e6, 0, 0), Device("phone", TIER, 0, 1.0))
    assert way.seconds == 1.25
    assert way.joules(9) == 8


@given(st.floats(0, 1e9), st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e7), st.floats(0, 1e7))
@settings(deadline=None)
def test_what_is_spent_grows_with_time_and_ends_with_the_round(flops, down, up, one, other):
    way = trip(Load(flops, down, up), Device("phone", TIER, 0, 1.0))
    early, late = sorted((one, other))
    whole = 8 * flops / 4e6 + 0.001 * (down + up)
    assert way.joules(way.seconds) == way.joules(1e300) == pytest.approx(whole)
    # but for rounding, which is of the seconds
    slack = 1e-9 * (1 + whole)
    assert 0 <= way.joules(early) <= way.joules(late) + slack
    assert way.joules(late) <= whole + slack
