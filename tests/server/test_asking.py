"""What the server keeps of sampling and the clock: plain JSON that goes on exactly. What becomes of a bad census."""

import json

import numpy as np
import pytest

from metafed.experiment.settings import Experiment
from metafed.messages.census import Person, pack_people, unpack_people
from metafed.messages.packing import Answer, Rows
from metafed.messages.typed import BadAnswer
from metafed.objectives import NOTHING
from server.asking import record
from server.stages import Plan, Received
from simulation.engines.local import LocalGrid
from tests.integration.pool import initial, strategy_of

PEOPLE = {3: Person("a", 40, 5, 10), 7: Person("b", 9, 2, 2)}


def test_a_census_survives_its_message():
    assert unpack_people(pack_people(PEOPLE), [3, 7, 9]) == PEOPLE
    assert unpack_people(pack_people({}), [3]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"clients": [3, 8]},
        {"rows": [40]},
        {"support": [5, -1]},
        {"query": [5, 1.5]},
        {"rows": [40, True]},
        {"rows": [40, 2**60]},
        {"group": ["a", 3]},
        {"group": "ab"},
    ],
)
def test_a_census_that_cannot_be_is_refused(change):
    with pytest.raises(BadAnswer):
        unpack_people({**pack_people(PEOPLE), **change}, [3, 7])


def test_a_census_that_lacks_a_column_is_refused():
    with pytest.raises(BadAnswer, match="query"):
        unpack_people({k: v for k, v in pack_people(PEOPLE).items() if k != "query"}, [3, 7])


def answer_of(clients, number):
    """Return an answer with a loss of each client."""
    losses = np.array([float(client % 5) / number for client in clients]).reshape(-1, 1)
    sizes, unknown = np.ones((len(clients), 3), np.int64), np.full(len(clients), np.nan)
    groups = ["all"] * len(clients)
    return Answer(
        NOTHING, [Rows(np.array(clients, np.int64), np.array([1]), losses, losses, unknown, sizes, groups)], []
    )


@pytest.mark.parametrize("sampling", ["uniform", "availability", "data", "power-of-choice"])
def test_sampling_goes_on_from_its_state_as_if_it_had_never_stopped(sampling):
    experiment = Experiment(
        **{"clients": 14, "cohort": 3, "rounds": 5, "width": 8, "tasks": "avatar", "eval_every": 0},
        **{"sampling": sampling, "devices": "default", "deadline": 0.3},
    )

    def rounds(state, first):
        """The cohorts and virtual starts of rounds ``first`` … 5, and the state after round 2."""
        grid = LocalGrid(experiment.to_run_config())
        strategy = strategy_of(experiment)
        scheduler = strategy.stages[0]
        found, half = [], None
        if state is not None:
            scheduler.restore(state)
        for number in range(first, 6):
            plan = Plan(number, grid, strategy._known_hosts(grid), record(initial(experiment)))
            scheduler.before_round(plan)
            received = Received(number, [plan.clients], [answer_of(plan.clients, number)], [])
            scheduler.on_answers(received)
            notes = received.notes
            found.append((notes["cohort"], notes["virtual_start"], notes["virtual_seconds"], plan.steps))
            if number == 2:
                half = json.loads(json.dumps(scheduler.state()))
        return found, half

    whole, half = rounds(None, 1)
    again, _ = rounds(half, 3)
    assert again == whole[2:]
