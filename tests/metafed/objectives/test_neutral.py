"""Every objective is the mean at its neutral setting, and turns to the worst clients at the other end."""

import numpy as np
import pytest

from metafed.objectives import Cvar, Gap, Mean, Minimax, Propfair, Qffl, Rates, Tilted, Weighted
from tests.metafed.objectives.clients import close, losses_at, people, point, step, updates

NEUTRAL = {
    "weighted": Weighted(power=0),
    "qffl": Qffl(q=0),
    "tilted": Tilted(t=0),
    "minimax": Minimax(rate=0),
    "cvar": Cvar(alpha=1),
    "gap": Gap(lam=0),
    "gap over families": Gap(lam=0, over="families"),
    "propfair": Propfair(bound=1e15),
}


@pytest.mark.parametrize("name", NEUTRAL)
def test_the_neutral_setting_is_the_mean_by_the_algorithms_own_weights(name):
    crowd, objective = people(), NEUTRAL[name]
    theta, state = point(), None
    for _ in range(3):  # with what the server keeps from round to round, too
        mean, _ = step(Mean(), crowd, theta)
        directions, state = step(objective, crowd, theta, state)
        close(directions, mean)
        theta = {part: values - 0.1 * mean[part] for part, values in theta.items()}


def test_minimax_over_groups_starts_as_the_mean_of_their_means():
    crowd = people(6, weight=1.0)  # families of three clients each
    close(step(Minimax(over="families", rate=0), crowd, point())[0], step(Mean(), crowd, point())[0])


def test_the_mean_is_that_of_the_clients_that_hold_a_part():
    crowd, theta = people(), point()
    own = [updates(crowd, [client], theta) for client in range(len(crowd))]
    for part, vector in step(Mean(), crowd, theta)[0].items():
        holders = [u for u in own if part in u.directions]
        top = sum(float(u.weights) * u.directions[part][0].numpy() for u in holders)
        np.testing.assert_allclose(vector, top / sum(float(u.weights) for u in holders), rtol=1e-12)


def test_weights_by_rows_multiply_the_algorithms_weights():
    crowd = people()
    scaled = [person._replace(weight=person.weight * person.rows**1.5) for person in crowd]
    close(step(Weighted(power=1.5), crowd, point())[0], step(Mean(), scaled, point())[0])


def worst_of_each_part(crowd, theta):
    losses = losses_at(crowd, theta)
    holders = {part: [i for i, p in enumerate(crowd) if part in ("trunk", p.family)] for part in theta}
    worst = {part: max(ids, key=lambda i: losses[i]) for part, ids in holders.items()}
    return {part: updates(crowd, [client], theta).directions[part][0].numpy() for part, client in worst.items()}


@pytest.mark.parametrize("tilt", [1e3, 1e6, 1e12])
def test_a_large_tilt_is_the_worst_client(tilt):
    crowd, theta = people(), point()
    close(step(Tilted(t=tilt), crowd, theta)[0], worst_of_each_part(crowd, theta))
    assert losses_at(crowd, theta).max() * tilt > 710  # exp of it is no number


@pytest.mark.parametrize("power", [300, 1e5])
def test_a_large_power_is_along_the_worst_client(power):
    crowd, theta = people(), point()
    found = step(Qffl(q=power), crowd, theta)[0]
    for part, vector in worst_of_each_part(crowd, theta).items():
        cosine = vector @ found[part] / np.linalg.norm(vector) / np.linalg.norm(found[part])
        assert cosine == pytest.approx(1, abs=1e-9)


def test_a_tail_of_one_client_is_the_worst_client():
    crowd, theta = people(weight=1.0), point()
    objective = Cvar(alpha=1 / len(crowd))
    _, state = step(objective, crowd, theta)
    found, again = step(objective, crowd, theta, state)
    assert again == state
    worst = int(np.argmax(losses_at(crowd, theta)))
    own = updates(crowd, [worst], theta).directions
    holders = sum(person.family == crowd[worst].family for person in crowd)
    # the mean over the holders of a part, all but one of which say nothing, times 1 / α
    np.testing.assert_allclose(found["trunk"], own["trunk"][0], rtol=1e-12)
    np.testing.assert_allclose(
        found[crowd[worst].family], own[crowd[worst].family][0] * len(crowd) / holders, rtol=1e-12
    )
    assert not found["b" if crowd[worst].family == "a" else "a"].any()


def test_a_small_tilt_tends_to_the_mean_linearly():
    crowd, theta = people(), point()
    mean = step(Mean(), crowd, theta)[0]["trunk"]
    away = [np.abs(step(Tilted(t=t), crowd, theta)[0]["trunk"] - mean).max() for t in (1e-4, 1e-5, -1e-5)]
    assert away[0] / away[1] == pytest.approx(10, rel=1e-2)
    assert away[1] == pytest.approx(away[2], rel=1e-2)


def test_equal_losses_are_weighed_alike_by_all():
    crowd, theta = people(weight=1.0), point()
    same = [p._replace(matrix=crowd[0].matrix, target=crowd[0].target, family="a") for p in crowd]
    mean = step(Mean(), same, {**theta})[0]
    for objective in (Tilted(t=9), Minimax(rate=5), Gap(lam=0.9)):
        state = None
        for _ in range(3):
            found, state = step(objective, same, theta, state)
            close(found, mean, 1e-9)
    assert set(mean) == {"trunk", "a"}


def test_qffl_steps_as_the_paper_says():
    # two clients with g = (1, 0) and (0, 2), F = 2 and 3; q = 2, L = 4:
    # Δ = (4, 0) and (0, 18); h = 2 · 2 · 1 + 4 · 4 = 20 and 2 · 3 · 4 + 4 · 9 = 60; θ ← θ − ΣΔ / Σh
    import torch

    given = updates(people(), [0, 2], point())._replace(
        losses=torch.tensor([2.0, 3.0]),
        weights=torch.ones(2),
        directions={"trunk": torch.tensor([[1.0, 0.0], [0.0, 2.0]])},
    )
    for rates, lipschitz in ((Rates(0.25, 1.0), None), (Rates(0.1, 1.0), 4.0)):
        objective = Qffl(q=2, lipschitz=lipschitz)
        found, _ = objective.step(objective.share(given._replace(rates=rates), {}), {}, {})
        # ours times 1 / L is the paper's
        np.testing.assert_allclose(found["trunk"] / 4, np.array([4, 18]) / 80, rtol=1e-12)
    # q-FedAvg: θ − w_k = r g_k with r = 1 / L = 0.25, and the server's rate is 1
    moved = {"trunk": 0.25 * given.directions["trunk"]}
    objective = Qffl(q=2)
    share = objective.share(given._replace(directions=moved, rates=Rates(1.0, 0.25)), {})
    np.testing.assert_allclose(objective.step(share, {}, {})[0]["trunk"], np.array([4, 18]) / 80, rtol=1e-12)


def test_qffl_refuses_losses_below_zero_and_takes_zero():
    import torch

    given = updates(people(), [0, 2], point())
    with pytest.raises(ValueError, match="below 0, got -1"):
        Qffl().share(given._replace(losses=torch.tensor([1.0, -1.0])), {})
    for power in (0.5, 1, 3):
        share = Qffl(q=power).share(given._replace(losses=torch.zeros(2)), {})
        assert all(np.isfinite(v).all() for v in share.directions.values())
        assert all(np.isfinite(w) and w > 0 for w in share.weights.values())
