"""Where a run's time goes: what is in a part within another counts once."""

import time

import pytest

from benchmarks.parts import PARTS, Clock


def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_part_within_another_counts_for_itself_alone():
    clock = Clock()
    inner = clock.measured("inner", spin)

    def both():
        spin(0.01)
        inner(0.03)
        inner(0.03)

    clock.measured("outer", both)()
    assert clock.calls == {"inner": 2, "outer": 1}
    assert clock.cpu["inner"] == pytest.approx(0.06, rel=0.2)
    assert clock.cpu["outer"] == pytest.approx(0.01, rel=0.5)


def test_what_fails_is_counted_and_fails():
    clock = Clock()

    def failing():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        clock.measured("part", failing)()
    assert clock.calls == {"part": 1}


def test_every_part_names_what_there_is():
    for names in PARTS.values():
        for name in names:
            where, _, path = name.partition(":")
            owner = __import__(where, fromlist=["_"])
            for step in path.split("."):
                owner = getattr(owner, step)
            assert callable(owner), name
