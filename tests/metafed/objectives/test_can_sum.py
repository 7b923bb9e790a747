"""Whether a sum by groups can be of so many clients: what the server divides by is what clients can have."""

import numpy as np
import pytest

from metafed.objectives import Contribution
from metafed.objectives.gap import Gap
from metafed.objectives.minimax import Minimax

ONE = np.ones(2)
SOUND = Contribution(
    {"trunk/a/x": ONE, "a/a/x": ONE, "trunk/a/y": ONE, "a/a/y": ONE},
    {"trunk/a/x": 2.0, "a/a/x": 2.0, "trunk/a/y": 1.0, "a/a/y": 1.0},
    sums={"weight:a/x": 2.0, "loss:a/x": 1.5, "weight:a/y": 1.0, "loss:a/y": -0.5},
)


def changed(weights=None, **sums):
    named = {name.replace("_", ":", 1).replace("_", "/"): value for name, value in sums.items()}
    return Contribution(SOUND.directions, {**SOUND.weights, **(weights or {})}, sums={**SOUND.sums, **named})


@pytest.mark.parametrize("objective", [Gap(), Minimax(over="groups")])
def test_a_sum_by_groups_is_of_weights_that_clients_can_have(objective):
    assert objective.can_sum(SOUND, 3, 1)
    assert not objective.can_sum(SOUND, 2, 1)
    assert objective.can_sum(SOUND, 2, 10)
    assert objective.can_sum(Contribution({}, {}), 3, 1)
    for lie in (-1e50, 1e50, 1e-300, 0.0):
        assert not objective.can_sum(changed(weight_a_x=lie), 3, 1)
        assert not objective.can_sum(changed({"trunk/a/x": lie, "a/a/x": lie}, weight_a_x=lie), 3, 1)
    assert not objective.can_sum(changed(weight_a_z=1.0, loss_a_z=1.0), 30, 1)
    assert not objective.can_sum(Contribution(SOUND.directions, SOUND.weights), 3, 1)


def test_an_objective_over_clients_has_no_groups():
    assert Minimax(over="clients").can_sum(changed(weight_a_x=-1.0), 3, 1)
