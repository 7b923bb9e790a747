"""Plans of rounds: who is late, by how much others are shortened, who leaves, and when a round is over."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.algorithms import Fomaml, Local, Protonet
from metafed.devices.fleet import HOUR, Fleet
from metafed.devices.settings import Devices
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.timing import planner_of
from metafed.messages.census import Person
from simulation.cli.errors import BadInput
from simulation.cli.flags import parse
from tests.metafed.devices.test_tiers import made

PERSON = Person("some", 40, 10, 20)


def planner(tier, deadline=None, late="drop", algorithm=None, **more):
    experiment = Experiment(
        clients=9,
        tasks="personalization",
        width=16,
        algorithm=algorithm or Fomaml(inner_steps=4),
        devices="default",
        deadline=deadline,
        late=late,
        **more,
    )
    return planner_of(Federation(experiment), Fleet(0, made({"only": tier})))


def seconds(steps, tier, own=None):
    """Latency, both ways, and (steps · support + query) rows of first-order passes, by hand."""
    own = own or planner(tier)
    shapes = own.work._tasks["personalization"].model.shapes
    layers = [2 * a * b for a, b in (shape for shape in shapes.values() if len(shape) == 2)]
    flops = (steps * PERSON.support + PERSON.query) * (2 * sum(layers) + sum(layers[1:]))
    size = own.held["personalization"]
    return tier["latency"] + flops / tier["flops"] + size / tier["down"] + size / tier["up"]


SLOW = {"flops": 1e5, "down": 1e4, "up": 5e3, "latency": 0.5, "watts": 2, "joules-per-byte": 1e-4}


def test_without_a_deadline_everyone_finishes_after_what_the_clock_says():
    plan = planner(SLOW)(1, 100.0, dict.fromkeys(range(3), PERSON), [0, 2])
    assert [each.outcome for each in plan.attendance] == ["finished", "finished"]
    assert plan.taking_part == [0, 2]
    assert plan.attendance[0].seconds == pytest.approx(seconds(4, SLOW), rel=1e-12)
    assert plan.seconds == plan.attendance[0].seconds
    assert (plan.start, plan.steps) == (100.0, {})


def test_more_rows_take_longer():
    own = planner(SLOW)
    few, many = (own(1, 0.0, {0: PERSON._replace(support=n)}, [0]).attendance[0] for n in (5, 10))
    assert few.seconds < many.seconds
    assert few.joules < many.joules


def test_the_late_are_dropped_at_the_deadline_and_have_spent_what_they_did_until_then():
    limit = seconds(4, SLOW) - 0.01
    plan = planner(SLOW, limit)(1, 0.0, {0: PERSON}, [0])
    late = plan.attendance[0]
    assert (late.outcome, late.steps, late.seconds, plan.seconds) == ("late", 4, limit, limit)
    assert plan.taking_part == []
    whole = planner(SLOW)(1, 0.0, {0: PERSON}, [0]).attendance[0]
    # what was missing is 10 ms of the upload
    assert whole.joules - late.joules == pytest.approx(0.01 * SLOW["up"] * SLOW["joules-per-byte"], rel=1e-6)


@given(st.floats(0.01, 20), st.floats(1e4, 1e8))
@settings(deadline=None, max_examples=30)
def test_who_is_shortened_takes_the_most_steps_that_end_in_time_and_never_none(deadline, flops):
    tier = {**SLOW, "flops": flops}
    own = planner(tier, deadline, "shorten")
    took = own(1, 0.0, {0: PERSON}, [0]).attendance[0]
    fits = [steps for steps in (1, 2, 3, 4) if seconds(steps, tier, own) <= deadline]
    if fits:
        assert took.steps == max(fits)
        assert took.outcome == ("finished" if took.steps == 4 else "shortened")
        assert took.seconds == pytest.approx(seconds(took.steps, tier, own), rel=1e-9)
        assert took.seconds <= deadline
    else:
        assert (took.outcome, took.seconds) == ("late", deadline)


def test_who_drops_out_leaves_at_a_moment_of_its_own():
    own = planner({**SLOW, "dropout": 1})
    plan = own(1, 0.0, dict.fromkeys(range(6), PERSON), range(6))
    assert {each.outcome for each in plan.attendance} == {"dropped out"}
    moments = [each.seconds for each in plan.attendance]
    assert len(set(moments)) == 6
    assert 0 < min(moments) < max(moments) < seconds(4, SLOW)
    assert plan.seconds == max(moments)
    assert own(2, 0.0, {0: PERSON}, [0]).attendance[0].seconds != moments[0]


def test_a_share_of_the_clients_drops_out():
    own = planner({**SLOW, "dropout": 0.3})
    outcomes = [own(r, 0.0, {0: PERSON}, [0]).attendance[0].outcome for r in range(1, 1001)]
    assert outcomes.count("dropped out") == pytest.approx(300, abs=2.8 * 14.5)


def test_when_nobody_is_there_time_goes_on():
    own = planner({**SLOW, "online": 0})
    plan = own(1, 5 * HOUR, {0: PERSON}, [0])
    assert plan.attendance[0] == (0, "offline", 0, 0.0, 0.0, "")
    assert (plan.seconds, plan.next) == (0, 5 * HOUR + 600)
    assert own(1, 7.0, {}, []) == ([], 7.0, 0, 607.0)


def test_the_next_round_starts_when_its_time_has_come_or_the_last_is_over():
    long = {**SLOW, "flops": 10}
    assert seconds(4, long) > 600
    for tier, lasts in ((SLOW, 600), (long, seconds(4, long))):
        plan = planner(tier)(1, 50.0, {0: PERSON}, [0])
        assert plan.next - 50 == pytest.approx(lasts)


def test_a_device_that_is_too_small_is_excluded_by_name():
    own = planner({**SLOW, "memory": 1000})
    one = own(1, 0.0, {0: PERSON}, [0]).attendance[0]
    assert (one.outcome, one.seconds, one.joules) == ("excluded", 0, 0)
    assert "its only has 1 kB for it" in one.reason
    assert planner({**SLOW, "memory": own.work.memory("personalization")})(1, 0.0, {0: PERSON}, [0]).taking_part == [0]


def test_what_keeps_to_itself_needs_no_radio():
    alone = planner(SLOW, algorithm=Local(inner_steps=4))
    way = alone.trip(0, PERSON, alone.fleet.device(0, ""), 4)
    assert (way.down, way.up) == (0, 0)
    assert way.compute > 0


def test_a_deadline_alone_is_that_of_the_usual_devices():
    usual = Devices(tiers="default", deadline=0.12)
    assert Experiment(devices=Devices(deadline=0.12)).devices == usual
    assert Experiment(deadline=0.12).devices == usual
    assert parse(["--devices.deadline", "0.12"]).experiment.devices == usual
    assert parse([]).experiment.devices == Devices()
    with pytest.raises(BadInput, match=r"needs --devices.tiers"):
        parse(["--devices", "none", "--deadline", "0.12"])


BAD = {
    "no devices": ({"devices": "none", "deadline": 1.0}, "--devices.deadline 1 needs --devices.tiers"),
    "no deadline": ({"devices": "default", "late": "shorten"}, "--devices.late shorten needs --devices.deadline"),
    "nothing to spare": (
        {"devices": "default", "deadline": 1, "late": "shorten", "algorithm": Protonet(), "tasks": "assistant"},
        "protonet has no inner steps to spare",
    ),
    "online": ({"sampling": "availability"}, "--sampling availability needs --devices.tiers"),
    "no file": ({"devices": "defualt"}, "choose none, default, or a file"),
    "candidates": ({"sampling": {"name": "power-of-choice", "candidates": 3}, "cohort": 5}, "at least the cohort of 5"),
}


@pytest.mark.parametrize("case", BAD)
def test_settings_that_would_do_nothing_are_refused(case):
    given_settings, said = BAD[case]
    with pytest.raises(ValueError, match=said):
        Experiment(**given_settings)
