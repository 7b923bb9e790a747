"""The ledger of influence: exact weights by hand, for objectives with and without a state of their own."""

import numpy as np
import pytest

from metafed.experiment.settings import Experiment
from metafed.fairness.influence import NoLedger, influence, ledger
from metafed.fairness.panel import last_evaluation
from tests.metafed.fairness.frames import client, frame


def trained(number, loss, server_round=1, **values):
    """One client's training row."""
    return [{**client(number, [0.5])[0], "phase": "train", "round": server_round, "loss": loss, **values}]


def shares(rows, **settings):
    experiment = Experiment(clients=10, tasks="assistant,avatar", **settings)
    return [entry.share.tolist() for entry in ledger(rows, experiment)]


ROUND = frame(trained(0, 1.0), trained(1, 2.0, n=300), trained(3, 4.0, family="avatar", group="b"))


@pytest.mark.parametrize(
    ("objective", "weights"),
    [
        ("mean", [1, 1, 1]),
        ({"name": "weighted"}, [100, 300, 100]),
        ({"name": "qffl", "q": 2.0}, [1, 4, 16]),
        ({"name": "tilted", "t": 1.0}, [np.exp(-3), np.exp(-2), 1]),
    ],
)
def test_shares_are_the_factors_of_the_objective(objective, weights):
    (found,) = shares(ROUND, objective=objective)
    assert found == pytest.approx(np.array(weights) / np.sum(weights), rel=1e-9)


def test_an_algorithm_that_weighs_by_rows_does_so_in_the_ledger():
    rows = frame(trained(0, 1.0, support=5, query=5), trained(1, 1.0, support=10, query=20))
    assert shares(rows, algorithm="fedavg") == [pytest.approx([0.25, 0.75])]


def test_the_state_of_an_objective_is_replayed():
    """AFL's λ is uniform in round 1 and has moved towards the larger loss in round 2."""
    rows = frame(*(trained(c, loss, r) for r in (1, 2) for c, loss in ((0, 1.0), (1, 3.0))))
    first, second = shares(rows, objective={"name": "minimax", "rate": 0.1})
    assert first == pytest.approx([0.5, 0.5])
    # of 8 seen clients: λ = 1/8 ± rate / 2 · (F − mean) before the projection, which others share
    assert second[1] > second[0]
    low, high = 1 / 8 - 0.05, 1 / 8 + 0.05
    assert second == pytest.approx([low / (low + high), high / (low + high)])


def test_the_factor_is_the_derivative_of_the_step_with_respect_to_a_direction():
    """The weight that a client has in the direction is what one unit more of its direction adds to it."""
    import torch

    from metafed.objectives import ClientUpdates, Rates, Tilted

    objective = Tilted(t=0.7)
    losses = torch.tensor([0.3, 1.1, 0.9], dtype=torch.float64)

    def direction(rows):
        said = ClientUpdates(
            losses, torch.ones(3).double(), {"trunk": rows}, [0, 1, 2], "assistant", ["a"] * 3, [9] * 3, Rates(0.1, 1.0)
        )
        return objective.step(objective.share(said, {}), {}, {})[0]["trunk"][0]

    base = torch.tensor([[0.5], [-1.0], [2.0]], dtype=torch.float64)
    added = [direction(base + torch.eye(3).double()[:, [k]]) - direction(base) for k in range(3)]
    rows = frame(*(trained(k, float(loss)) for k, loss in enumerate(losses)))
    (found,) = shares(rows, objective={"name": "tilted", "t": 0.7})
    assert found == pytest.approx(np.array(added) / np.sum(added), rel=1e-9)


def test_who_sends_nothing_has_no_ledger():
    with pytest.raises(NoLedger, match="send nothing"):
        shares(ROUND, algorithm="local")


def test_the_summary_names_who_never_took_part_and_whose_group_counts_for_little():
    evaluated = [client(c, [0.1, 0.2 + 0.1 * c], round=1, group="ab"[c % 2]) for c in range(4)]
    rows = frame(trained(0, 1.0), trained(2, 1.0), *evaluated)
    experiment = Experiment(clients=5, tasks="assistant")
    found = influence(rows, experiment, last_evaluation(rows)[1])
    assert (found["rounds"], found["clients"], found["never"]) == (1, 4, 2)
    assert found["gini"]["times"] == pytest.approx(0.5)  # two of four have all
    assert [(entry["group"], entry["of_clients"], entry["of_influence"]) for entry in found["groups"]] == [
        ("b", 0.5, 0.0),
        ("a", 0.5, 1.0),
    ]
    assert influence(rows, Experiment(algorithm="local"), last_evaluation(rows)[1]) == {
        "reason": "the clients of this algorithm send nothing"
    }
