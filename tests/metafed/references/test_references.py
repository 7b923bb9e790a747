"""Each simple reference against straight-line code in float64, on two clients of unequal size."""

import numpy as np
import pytest
import torch

from metafed.core.episodes import Batch, Episode
from metafed.core.parameters import spread
from metafed.models.mlp import Mlp
from metafed.references import REFERENCES, local, training
from metafed.references.base import Ground
from metafed.references.prior import corrected
from metafed.tasks.task import task_of

RNG = np.random.default_rng(3)
SIZES = (7, 5)


def batch(sizes, kind, classes=3):
    """Rows of clients, padded with what must not count."""
    longest = max(sizes)
    x = torch.full((len(sizes), longest, 2), 0.0, dtype=torch.float64)
    y = torch.zeros((len(sizes), longest) if kind == "classification" else (len(sizes), longest, 2), dtype=torch.int64)
    y = y if kind == "classification" else y.double()
    mask = torch.zeros((len(sizes), longest), dtype=torch.float64)
    for client, size in enumerate(sizes):
        x[client, :size] = torch.from_numpy(RNG.normal(size=(size, 2)))
        own = RNG.integers(classes, size=size) if kind == "classification" else RNG.normal(size=(size, 2))
        y[client, :size] = torch.from_numpy(own)
        mask[client, :size] = 1
    return Batch(x, y, mask)


def ground(kind, held=True):
    outputs = 3 if kind == "classification" else 2
    task = task_of(Mlp("f", outputs, features=2, width=4, depth=1, activation="tanh"), kind)
    start = {name: torch.from_numpy(0.5 * RNG.normal(size=shape)) for name, shape in task.model.shapes.items()}
    rows, other = batch([9], kind), batch([6], kind)
    everyone = Batch(*(torch.cat(pair, 1) for pair in zip(rows, other, strict=True)))
    return Ground(task, start, False, rows, other if held else None, everyone, 0)


def episode(kind):
    return Episode(batch(SIZES, kind), batch((4, 6), kind))


def outputs(name, own, choosing, chosen):
    return REFERENCES[name].outputs(own, choosing, chosen.support, chosen.query.x, chosen.query.mask)


def test_constant_is_the_mean_target_or_the_most_frequent_class_of_the_support():
    own, chosen = ground("regression"), episode("regression")
    found = outputs("constant", own, chosen, chosen)
    for client, size in enumerate(SIZES):
        wanted = chosen.support.y[client, :size].mean(0).expand(6, 2)
        torch.testing.assert_close(found[client], wanted, rtol=0, atol=1e-12)
    own, chosen = ground("classification"), episode("classification")
    found = outputs("constant", own, chosen, chosen)
    for client, size in enumerate(SIZES):
        rows = np.bincount(chosen.support.y[client, :size].numpy(), minlength=3)
        np.testing.assert_allclose(found[client, 0].exp().numpy(), (rows + 1) / (size + 3), atol=1e-12)
        assert found[client, 0].argmax() == rows.argmax()


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_nearest_is_the_vote_of_as_many_neighbours_as_served_the_client_best_before(kind):
    own, choosing, chosen = ground(kind), episode(kind), episode(kind)
    found = outputs("nearest", own, choosing, chosen)

    def answers(support, size, x, client, k):
        far = [float(((support.x[client, row] - x) ** 2).sum()) for row in range(size)]
        near = sorted(range(size), key=lambda row: far[row])[:k]
        targets = support.y[client, near].numpy()
        if kind == "regression":
            return targets.mean(0)
        share = np.bincount(targets, minlength=3) / len(near)
        share[targets[0]] += 1 / 8
        return share

    for client, size in enumerate(SIZES):
        errors = []
        for k in (1, 3, 5):
            wrong = []
            for row in range((4, 6)[client]):
                answer = answers(choosing.support, size, choosing.query.x[client, row], client, k)
                target = choosing.query.y[client, row].numpy()
                wrong.append(answer.argmax() != target if kind == "classification" else ((answer - target) ** 2).mean())
            errors.append(np.mean(wrong))
        k = (1, 3, 5)[int(np.argmin(errors))]
        for row in range((4, 6)[client]):
            wanted = answers(chosen.support, size, chosen.query.x[client, row], client, k)
            if kind == "classification":
                assert found[client, row].argmax() == wanted.argmax()
            else:
                np.testing.assert_allclose(found[client, row].numpy(), wanted, atol=1e-12)


def test_nearest_mean_is_the_class_whose_mean_is_nearest():
    own, chosen = ground("classification"), episode("classification")
    chosen.support.y[0, 0] = chosen.support.y[1, 0] = 0
    chosen.support.y[0][chosen.support.y[0] == 2] = 1  # client 0 has no row of class 2
    found = outputs("nearest-mean", own, chosen, chosen)
    for client, size in enumerate(SIZES):
        x, y = chosen.support.x[client, :size].numpy(), chosen.support.y[client, :size].numpy()
        means = {label: x[y == label].mean(0) for label in sorted(set(y.tolist()))}
        scale = np.mean([((row - means[label]) ** 2).sum() for row, label in zip(x, y.tolist(), strict=True)])
        for row in range((4, 6)[client]):
            far = {label: ((chosen.query.x[client, row].numpy() - mean) ** 2).sum() for label, mean in means.items()}
            wanted = [-far.get(label, max(far.values())) / scale for label in range(3)]
            np.testing.assert_allclose(found[client, row].numpy(), wanted, atol=1e-12)
    assert "no classes" in str(REFERENCES["nearest-mean"].undefined(ground("regression")))


def test_nearest_mean_of_one_row_a_class_is_the_nearest_row():
    own = ground("classification")
    support, query = batch((3, 3), "classification"), batch((4, 6), "classification")
    support.y[:] = torch.arange(3)
    found = outputs("nearest-mean", own, Episode(support, query), Episode(support, query))
    assert torch.isfinite(found).all()
    near = torch.cdist(query.x, support.x).argmin(2)
    assert torch.equal(found.argmax(2)[query.mask > 0], near[query.mask > 0])


def test_a_client_with_fewer_rows_than_neighbours_answers_by_all_of_them():
    own = ground("regression")
    support, query = batch((2, 5), "regression"), batch((4, 4), "regression")
    choosing = Episode(batch((2, 5), "regression"), batch((4, 4), "regression"))
    found = outputs("nearest", own, choosing, Episode(support, query))
    assert torch.isfinite(found).all()
    both = support.y[0, :2]
    for row in found[0]:
        assert any(torch.allclose(row, each, atol=1e-12) for each in (*both, both.mean(0)))


def test_the_pooled_posterior_is_corrected_by_the_ratio_of_smoothed_priors():
    """Saerens et al. 2002, equation 2.4, by hand: π = (3, 2, 1) / 6; π_c = (0 + 1/2, 2 + 1/3, 1 + 1/6) / 4."""
    p = torch.tensor([[[0.5, 0.3, 0.2]]], dtype=torch.float64)
    found = corrected(p.log(), torch.tensor([[0.0, 2.0, 1.0]]).double(), torch.tensor([[2.0, 1.0, 0.0]]).double()).exp()
    ratio = np.array([(1 / 2) / 4 / (1 / 2), (2 + 1 / 3) / 4 / (1 / 3), (1 + 1 / 6) / 4 / (1 / 6)])
    wanted = np.array([0.5, 0.3, 0.2]) * ratio
    np.testing.assert_allclose(found[0, 0].numpy(), wanted / wanted.sum(), atol=1e-12)


def test_a_client_as_the_pool_keeps_the_pooled_posterior():
    p = torch.tensor([[[0.5, 0.3, 0.2]]], dtype=torch.float64)
    pool = torch.tensor([[9.0, 19.0, 69.0]]).double()
    own = 10 * (pool + 1) / (pool + 1).sum()
    torch.testing.assert_close(corrected(p.log(), own, pool).exp(), p, rtol=0, atol=1e-12)


def by_hand(task, params, rows, targets, size, kind):
    """Return loss and gradients of one client's first ``size`` rows, by plain autograd without a client axis."""
    own = {name: value.clone().requires_grad_() for name, value in params.items()}
    output = task.predict({n: v.unsqueeze(0) for n, v in own.items()}, rows[:size].unsqueeze(0))[0]
    if kind == "regression":
        loss = ((output - targets[:size]) ** 2).mean()
    else:
        loss = torch.nn.functional.cross_entropy(output, targets[:size])
    return float(loss.detach()), dict(zip(own, torch.autograd.grad(loss, list(own.values())), strict=True))


def path(own, support, client, size, rate, kind):
    """Yield the parameters of one client after each of the numbers of steps that are tried."""
    phi = dict(own.start)
    for number in range(1, max(local.STEPS) + 1):
        _, slopes = by_hand(own.task, phi, support.x[client], support.y[client], size, kind)
        phi = {n: phi[n] - rate * slopes[n] for n in phi}
        if number in local.STEPS:
            yield number, phi


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_local_trains_at_the_rate_and_for_the_steps_that_served_the_client_best_before(kind):
    own, choosing, chosen = ground(kind), episode(kind), episode(kind)
    found = outputs("local-tuned", own, choosing, chosen)
    for client, size in enumerate(SIZES):
        count, losses = (4, 6)[client], {}
        for rate in local.RATES:
            for number, phi in path(own, choosing.support, client, size, rate, kind):
                query = choosing.query
                losses[rate, number] = by_hand(own.task, phi, query.x[client], query.y[client], count, kind)[0]
        rate, steps = min(losses, key=losses.__getitem__)
        phi = dict(path(own, chosen.support, client, size, rate, kind))[steps]
        wanted = own.task.predict(
            {n: v.unsqueeze(0) for n, v in phi.items()}, chosen.query.x[client : client + 1, :count]
        )[0]
        torch.testing.assert_close(found[client, :count], wanted, rtol=0, atol=1e-9)


def test_pooled_is_adam_on_all_rows_for_as_long_as_served_other_clients_best():
    own, chosen = ground("regression"), episode("regression")
    fit = own.pooled
    assert fit.rate in training.RATES
    assert fit.steps % training.EVERY == 0
    rows = own.everyone
    phi = {n: v.clone().requires_grad_() for n, v in own.start.items()}
    adam = torch.optim.Adam(list(phi.values()), lr=fit.rate)
    for _ in range(fit.steps):  # fewer rows than a minibatch has: every step is on all of them
        adam.zero_grad()
        output = own.task.predict({n: v.unsqueeze(0) for n, v in phi.items()}, rows.x)
        ((output - rows.y) ** 2).mean().backward()
        adam.step()
    for name, value in fit.params.items():
        torch.testing.assert_close(value[0], phi[name].detach(), rtol=0, atol=1e-9)
    wanted = own.task.predict(spread({n: v[0] for n, v in fit.params.items()}, 2), chosen.query.x, chosen.query.mask)
    torch.testing.assert_close(outputs("pooled", own, chosen, chosen), wanted.detach(), rtol=0, atol=1e-12)


def test_no_model_for_all_where_classes_are_slots_or_nobody_is_left_to_choose_by():
    own = ground("classification")
    slots = Ground(own.task, own.start, True, own.rows, own.held, own.everyone, 0)
    assert "slots" in str(REFERENCES["pooled"].undefined(slots))
    assert "choose by" in str(REFERENCES["pooled-prior"].undefined(ground("classification", held=False)))
    assert "label prior" in str(REFERENCES["pooled-prior"].undefined(ground("regression")))
    assert REFERENCES["constant"].undefined(slots) is None
