"""Which objectives have updates is derived, not declared alone; and updates travel as they were cast."""

import json
import re

import numpy as np
import pytest
import torch

from metafed.aggregators import AGGREGATORS, Krum, Mean, Median
from metafed.aggregators.updates import ClientVectors, check_enough, client_vectors_of, counted
from metafed.algorithms import ALGORITHMS
from metafed.core.parameters import Layout
from metafed.experiment.settings import Experiment
from metafed.messages.packing import Answer, Rows, pack
from metafed.messages.reading import unpack
from metafed.messages.typed import BadAnswer
from metafed.objectives import NOTHING, OBJECTIVES, Gap, Minimax
from metafed.objectives.single import alone
from tests.metafed.objectives.clients import SIZES, chunks_of, close, losses_at, people, point, step, updates

KINDS = [*(kind() for kind in OBJECTIVES.values()), Minimax(over="groups"), Gap(over="families")]
each_objective = pytest.mark.parametrize("objective", KINDS, ids=repr)


def settled(objective, crowd, theta):
    """A state as it is after some rounds: in the first all objectives are the mean's."""
    state = objective.start(len(crowd))
    for _ in range(3):
        _, state = step(objective, crowd, theta, state)
    return state


def cast(objective, crowd, theta, state):
    return [
        client_vectors_of(objective, updates(crowd, chunk, theta), objective.ask(state, chunk))
        for chunk in chunks_of(crowd)
    ]


def votes_are_the_clients_own(objective):
    """Whether the direction is the mean of the updates, and no update changes with another client's losses and rows."""
    crowd, theta = people(9, 3, weight=1.0), point()
    state = settled(objective, crowd, theta)
    directions, _ = objective.step(
        sum(
            (objective.share(updates(crowd, c, theta), objective.ask(state, c)) for c in chunks_of(crowd)),
            NOTHING,
        ),
        state,
        dict(enumerate(losses_at(crowd, theta).tolist())),
    )
    try:
        found, _ = counted(Mean(), cast(objective, crowd, theta, state), {})
    except (KeyError, ValueError):
        return False  # sums by group are no updates on parts
    if found.keys() != directions.keys() or not all(np.allclose(found[p], directions[p], rtol=1e-9) for p in found):
        return False
    # another client has a loss of a thousand more, in the rounds before and in this
    other = [*crowd[:-1], crowd[-1]._replace(target=crowd[-1].target + 1e3, rows=10**6)]
    after = {
        c: v
        for b in cast(objective, other, theta, settled(objective, other, theta))
        for c, v in zip(b.clients, b.vectors["trunk"], strict=True)
    }
    before = {
        c: v for b in cast(objective, crowd, theta, state) for c, v in zip(b.clients, b.vectors["trunk"], strict=True)
    }
    return all(c in after and np.array_equal(before[c], after[c]) for c in before if c != len(crowd) - 1)


@each_objective
def test_an_objective_has_votes_exactly_where_it_says_so(objective):
    assert votes_are_the_clients_own(objective) == (objective.separability == "updates")


@each_objective
def test_what_clients_say_by_themselves_adds_up(objective):
    crowd, theta = people(8, 1), point()
    state = settled(objective, crowd, theta)
    for chunk in chunks_of(crowd):
        said, ask = updates(crowd, chunk, theta), objective.ask(state, chunk)
        single, whole = sum(alone(objective, said, ask), NOTHING), objective.share(said, ask)
        assert single.weights.keys() == whole.weights.keys()
        for key, vector in whole.directions.items():
            scale = np.exp(single.scales.get(key, 0.0) - whole.scales.get(key, 0.0))
            np.testing.assert_allclose(single.directions[key] * scale, vector, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_pair_can_be_had_or_is_refused_by_name(aggregator, objective):
    settings = {"aggregator": aggregator, "objective": objective, "clients": 100, "cohort": 60}
    if aggregator == "mean" or OBJECTIVES[objective].separability == "updates":
        experiment = Experiment.model_validate(settings)
        assert Experiment.from_run_config(experiment.to_run_config()) == experiment
    else:
        message = f"--aggregator {aggregator} cannot be combined with --objective {objective}"
        with pytest.raises(ValueError, match=re.escape(message)):
            Experiment.model_validate(settings)


@pytest.mark.parametrize("name", [name for name, kind in ALGORITHMS.items() if kind().weighs == "none"])
def test_an_algorithm_without_a_word_has_no_votes(name):
    with pytest.raises(ValueError, match="send nothing"):
        Experiment.model_validate({"aggregator": "median", "algorithm": name})


def test_votes_are_divided_by_their_own_weight():
    crowd, theta = people(6, 0), point()  # weights of 1 to 3
    (chunk, _) = chunks_of(crowd)
    said = updates(crowd, chunk, theta)
    found = client_vectors_of(OBJECTIVES["mean"](), said, {})
    np.testing.assert_allclose(found.vectors["trunk"], said.directions["trunk"].numpy(), rtol=1e-15)
    silent = said._replace(weights=said.weights * torch.tensor([1.0, 0.0, 1.0]))
    assert client_vectors_of(OBJECTIVES["mean"](), silent, {}).clients == [chunk[0], chunk[2]]


def test_parts_are_counted_over_who_holds_them_and_too_few_leave_them():
    client_vectors = [
        ClientVectors([5, 1, 3], {"trunk": np.array([[5.0], [1], [3]]), "a": np.array([[50.0], [10], [30]])}),
        ClientVectors([4, 2], {"trunk": np.array([[4.0], [2]]), "b": np.array([[40.0], [20]])}),
    ]
    found, unmoved = counted(Krum(f=1), client_vectors, {})
    assert list(found) == ["trunk"]
    assert found["trunk"] == 2  # of the updates 1 … 5, two neighbours each
    assert [part._asdict() for part in unmoved] == [
        {"part": "a", "updates": 3, "needed": 5},
        {"part": "b", "updates": 2, "needed": 5},
    ]
    whole, _ = counted(Median(), client_vectors, {})
    close(whole, {"a": np.array([30.0]), "b": np.array([30.0]), "trunk": np.array([3.0])})
    assert counted(Median(), [], {}) == ({}, [])


def test_too_small_a_cohort_is_refused():
    with pytest.raises(ValueError, match=r"needs 11 client updates of 10: .* the part 'trunk'"):
        check_enough(AGGREGATORS["bulyan"](f=2), "bulyan", 10, {"trunk": 1.0})
    with pytest.raises(ValueError, match=r"needs 5 client updates of 3: .* the part 'personalization'"):
        Experiment.model_validate({"clients": 50, "cohort": 10, "aggregator": {"name": "krum", "f": 1}})


LAYOUT = Layout({f"{part}.w": (size,) for part, size in SIZES.items()})


def answer():
    crowd, theta = people(6, 2), point()
    chunk = chunks_of(crowd)[0]
    cast_votes = client_vectors_of(OBJECTIVES["mean"](), updates(crowd, chunk, theta), {})
    n = len(chunk)
    rows = Rows(
        np.array(chunk),
        np.array([1]),
        np.ones((n, 1)),
        np.ones((n, 1)),
        np.ones(n),
        np.ones((n, 3), np.int64),
        ["x"] * n,
    )
    return chunk, cast_votes, pack(Answer(NOTHING, [rows], [], client_vectors=[cast_votes]))


def test_a_message_loses_no_vote():
    chunk, cast_votes, (arrays, values) = answer()
    (back,) = unpack(arrays, json.loads(json.dumps(values)), LAYOUT, chunk).client_vectors
    assert list(back.clients) == list(cast_votes.clients)
    close(back.vectors, cast_votes.vectors)


def broken(**changed):
    chunk, _, (arrays, values) = answer()
    for name, value in changed.items():
        if name in ("clients", "updates"):
            values |= {"updates0/clients": value} if name == "clients" else {"updates": value}
        else:
            arrays[f"updates0/{name}"] = value
    return chunk, arrays, values


@pytest.mark.parametrize(
    "changed",
    [
        {"clients": [0, 0, 2]},
        {"clients": [0, 2]},
        {"clients": [0, 2, 99]},
        {"clients": ["x", "y", "z"]},
        {"trunk": np.full((3, 3), np.nan)},
        {"trunk": np.zeros((3, 4))},
        {"trunk": np.zeros(9)},
        {"trunk": np.zeros((3, 3), np.int64)},
        {"elsewhere": np.zeros((3, 3))},
        {"updates": "many"},
    ],
    ids=repr,
)
def test_votes_that_cannot_be_are_refused(changed):
    chunk, arrays, values = broken(**changed)
    with pytest.raises(BadAnswer):
        unpack(arrays, values, LAYOUT, chunk)
