"""``--devices.late shorten``: a client that takes fewer steps has the episode of an algorithm with fewer."""

import numpy as np
import pytest

from client.host import Host, alike
from metafed.algorithms import ALGORITHMS
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.objectives import NOTHING
from tests.integration.pool import initial

TAKE_STEPS = [name for name, kind in ALGORITHMS.items() if kind().can_be_shortened]


def experiment(name, chunk, **settings):
    return Experiment(
        clients=12,
        tasks="assistant",
        algorithm={"name": name, **settings},
        chunk=chunk,
        width=8,
        precision="float64",
        kernels="torch",
    )


def test_all_algorithms_but_protonet_can_be_shortened():
    assert set(ALGORITHMS) - set(TAKE_STEPS) == {"protonet"}


@pytest.mark.parametrize("chunk", [1, 9])
@pytest.mark.parametrize("name", TAKE_STEPS)
def test_fewer_steps_are_exactly_the_algorithm_with_fewer_steps(name, chunk):
    whole, short = (Host(Federation(experiment(name, chunk, inner_steps=steps))) for steps in (4, 2))
    # θ as in the longer run: learned rates by step are of its shape
    theta, everyone, few_steps = initial(whole.experiment), list(range(9)), [1, 4, 5]
    states, alone, few = {}, {}, {}
    mixed = whole.train(theta, everyone, 3, states, steps=dict.fromkeys(few_steps, 2))
    full = whole.train(theta, [c for c in everyone if c not in few_steps], 3, alone)
    if name == "maml++":  # its rates have a column a step, so the shorter run's θ has another shape
        rest = whole.train(theta, few_steps, 3, few, steps=dict.fromkeys(few_steps, 2))
        assert [list(rows.steps) for rows in rest.rows] == [[2]] * len(rest.rows)
    else:
        rest = short.train(theta, few_steps, 3, few)
    expected = sum((answer.contribution for answer in (full, rest)), NOTHING)
    assert not mixed.failures
    assert mixed.contribution.weights == expected.weights
    for part, vector in mixed.contribution.directions.items():
        # bit for bit where every client is alone; else the sums are of as many terms in another grouping
        np.testing.assert_allclose(vector, expected.directions[part], rtol=0 if chunk == 1 else 1e-12, atol=1e-13)
    assert losses(mixed) == {**losses(full), **losses(rest)}
    own = {**alone, **few}
    assert set(states) == set(own)
    assert all(np.array_equal(states[client], own[client]) for client in own)


def losses(answer):
    return {
        int(c): float(value) for rows in answer.rows for c, value in zip(rows.client, rows.loss[:, -1], strict=True)
    }


@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_the_loop_and_the_chunk_agree(kernels):
    steps = {0: 1, 3: 1, 5: 3, 7: 2}
    found = []
    for chunk in (1, 9):
        host = Host(Federation(experiment("maml", chunk, inner_steps=4).model_copy(update={"kernels": kernels})))
        answer = host.train(initial(host.experiment), list(range(9)), 1, {}, steps=steps)
        found.append(answer)
        taken = {int(c): int(rows.steps[-1]) for rows in answer.rows for c in rows.client}
        assert taken == {client: steps.get(client, 4) for client in range(9)}
    loop, chunk = found
    for part, vector in loop.contribution.directions.items():
        np.testing.assert_allclose(vector, chunk.contribution.directions[part], rtol=1e-12, atol=1e-13)


def test_a_chunk_is_cut_by_steps_in_the_order_of_the_first():
    assert alike([4, 7, 9, 12, 15], {7: 2, 15: 2, 9: 1}) == [[4, 12], [7, 15], [9]]
    assert alike([4, 7], {}) == [[4, 7]]


def test_a_number_of_steps_that_is_no_shortening_is_refused():
    maml = ALGORITHMS["maml"](inner_steps=3)
    for steps in (0, 3, 4):
        with pytest.raises(ValueError, match=f"of 3 inner steps cannot take {steps}"):
            maml.shortened(steps)
    assert maml.shortened(1) == ALGORITHMS["maml"](inner_steps=1)
