"""What an objective steps along is the gradient of its formula, by central differences in float64."""

import numpy as np
import pytest

from metafed.objectives import Cvar, Gap, Minimax, Propfair, Qffl, Tilted
from metafed.objectives.cvar import threshold_of
from tests.metafed.objectives.clients import losses_at, people, point, slope, step, total_of

CROWD, THETA = people(9), point()
WEIGHTS = np.array([person.weight for person in CROWD])


def mean(values):
    return float((WEIGHTS * values).sum() / WEIGHTS.sum())


def holders(part):
    return np.array([part in ("trunk", person.family) for person in CROWD])


def check(directions, formula, share, tolerance=1e-7):
    """A part's direction times its holders' ``share`` of all masses is the formula's gradient with respect to it."""
    expected = slope(lambda theta: formula(losses_at(CROWD, theta)), THETA)
    for part, vector in directions.items():
        scale = share[holders(part)].sum() / share.sum()
        np.testing.assert_allclose(vector * scale, expected[part], rtol=tolerance, atol=tolerance)
        assert np.abs(expected[part]).max() > 1e-3


@pytest.mark.parametrize("tilt", [-2.0, 0.3, 4.0])
def test_tilted(tilt):
    tilted = WEIGHTS * np.exp(tilt * losses_at(CROWD, THETA))
    found, _ = step(Tilted(t=tilt), CROWD, THETA)
    check(found, lambda losses: np.log(mean(np.exp(tilt * losses))) / tilt, tilted)


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_qffl_up_to_its_own_normaliser(power):
    total = total_of(Qffl(q=power), CROWD, THETA)
    expected = slope(lambda t: float((WEIGHTS * losses_at(CROWD, t) ** (power + 1)).sum() / (power + 1)), THETA)
    for part, sums in total.directions.items():
        np.testing.assert_allclose(sums * np.exp(total.scales.get(part, 0)), expected[part], rtol=1e-6)


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_qffls_normaliser_has_the_gradient_over_all_of_a_clients_parts(power):
    loss, gradient = losses_at(CROWD, THETA)[0], slope(lambda t: losses_at(CROWD, t)[0], THETA)
    square = sum(values @ values for values in gradient.values())
    found, _ = step(Qffl(q=power, lipschitz=7.0), CROWD[:1], THETA)
    factor = loss**power / (power * loss ** (power - 1) * square / 7 + loss**power)
    for part, vector in found.items():
        np.testing.assert_allclose(vector, factor * gradient[part], rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.15, 0.5, 0.9])
def test_cvar_given_its_threshold(alpha):
    threshold = float(np.quantile(losses_at(CROWD, THETA), 1 - alpha)) + 1e-3
    found, _ = step(Cvar(alpha=alpha), CROWD, THETA, {"threshold": threshold})
    expected = slope(lambda t: threshold + mean(np.maximum(losses_at(CROWD, t) - threshold, 0)) / alpha, THETA)
    for part, vector in found.items():
        scale = WEIGHTS[holders(part)].sum() / WEIGHTS.sum()
        np.testing.assert_allclose(vector * scale, expected[part], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.01, 1 / 9, 0.2, 1 / 3, 0.5, 0.77, 8 / 9, 1.0])
def test_the_best_threshold_minimises_rockafellar_and_uryasev(alpha):
    losses = losses_at(CROWD, THETA)

    def objective(threshold):
        return threshold + np.maximum(losses - threshold, 0).mean() / alpha

    best = objective(threshold_of(losses.tolist(), alpha))
    grid = np.concatenate([losses, np.linspace(losses.min() - 1, losses.max() + 1, 500)])
    assert best <= min(objective(value) for value in grid) + 1e-12
    ordered = np.sort(losses)[::-1]
    if abs(alpha * 9 - round(alpha * 9)) < 1e-9:
        assert best == pytest.approx(ordered[: round(alpha * 9)].mean())  # the mean of the worst α


def test_the_threshold_moves_by_its_rate():
    objective = Cvar(alpha=0.3, rate=0.25)
    best = threshold_of(losses_at(CROWD, THETA).tolist(), 0.3)
    _, first = step(objective, CROWD, THETA)
    assert first == {"threshold": best}
    _, second = step(objective, CROWD, THETA, {"threshold": best + 8})
    assert second["threshold"] == pytest.approx(best + 6)


def pairs(losses, labels):
    """Half the mean absolute difference between two groups' mean losses, for each frame's share of the weights."""
    found = 0.0
    for frame in {label[0] for label in labels}:
        inside = np.array([label[0] == frame for label in labels])
        names = sorted({label for label in labels if label[0] == frame})
        member = [np.array([label == name for label in labels]) for name in names]
        means = [(WEIGHTS * losses)[m].sum() / WEIGHTS[m].sum() for m in member]
        gaps = [abs(a - b) for i, a in enumerate(means) for b in means[i + 1 :]]
        found += WEIGHTS[inside].sum() / WEIGHTS.sum() * np.mean(gaps) / 2
    return found


@pytest.mark.parametrize("strength", [0.3, 0.9])
@pytest.mark.parametrize("over", ["groups", "families"])
def test_gap(over, strength):
    labels = [(p.family, p.group) if over == "groups" else ("", p.family) for p in CROWD]
    found, _ = step(Gap(lam=strength, over=over), CROWD, THETA)
    check(found, lambda losses: mean(losses) + strength * pairs(losses, labels), WEIGHTS)


@pytest.mark.parametrize(("bound", "eps"), [(60.0, 0.2), (12.0, 0.2), (4.0, 2.0)])
def test_propfair_and_beyond_its_bound(bound, eps):
    def utility(losses):
        inside = np.log(np.maximum(bound - losses, eps))
        return np.where(bound - losses >= eps, inside, np.log(eps) + (bound - losses - eps) / eps)

    found, _ = step(Propfair(bound=bound, eps=eps), CROWD, THETA)
    check(found, lambda losses: -bound * mean(utility(losses)), WEIGHTS)
    if bound < 10:
        assert losses_at(CROWD, THETA).max() > bound


def test_propfairs_slope_has_no_jump_at_its_bound():
    import torch

    from tests.metafed.objectives.clients import updates

    updates, objective = updates(CROWD, [0], THETA), Propfair(bound=5.0, eps=0.5)

    def factor(loss):
        share = objective.share(updates._replace(losses=torch.tensor([loss], dtype=torch.float64)), {})
        return float(share.directions["trunk"][0] / updates.directions["trunk"][0, 0] / CROWD[0].weight)

    assert factor(4.5 - 1e-9) == pytest.approx(factor(4.5 + 1e-9), rel=1e-8) == pytest.approx(10)
    assert factor(400.0) == pytest.approx(10)


@pytest.mark.parametrize("over", ["groups", "families"])
def test_minimax_given_its_weights(over):
    labels = [f"{p.family}/{p.group}" if over == "groups" else f"/{p.family}" for p in CROWD]
    names = sorted(set(labels))
    own = dict(zip(names, np.arange(1, len(names) + 1) / sum(range(1, len(names) + 1)), strict=True))

    def formula(losses):
        found = 0.0
        for name in names:
            member = np.array([label == name for label in labels])
            found += own[name] * (WEIGHTS * losses)[member].sum() / WEIGHTS[member].sum()
        return found

    found, _ = step(Minimax(over=over), CROWD, THETA, {"own": own})
    check(found, formula, WEIGHTS)


def test_minimax_over_clients_given_its_weights():
    crowd = [person._replace(weight=1.0) for person in CROWD]
    own = {str(i): (i + 1) / 45 for i in range(9)}
    found, _ = step(Minimax(), crowd, THETA, {"seen": 9, "rest": 0.0, "own": own})
    expected = slope(lambda t: float((np.arange(1, 10) / 45) @ losses_at(crowd, t)), THETA)
    for part, vector in found.items():
        np.testing.assert_allclose(vector * holders(part).mean(), expected[part], rtol=1e-7, atol=1e-7)
