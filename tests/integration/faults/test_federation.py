"""Faults in a whole federation: what each does to θ, to the others, and to the record."""

import json

import numpy as np
import pytest

from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from metafed.faults.lies import alie
from server.endings import Diverged
from tests.integration.pool import initial, run


def having(experiment, *faults, **changes):
    described = json.dumps({"fault": faults})
    return Experiment.model_validate({**experiment.model_dump(), **renewed(changes), "faults": described})


def step(experiment, rounds=None):
    """Return the steps that θ's parts took in all, and the finished rounds."""
    finished = []
    theta = run(experiment, observe=finished.append, rounds=rounds)
    return {part: theta[part] - vector for part, vector in initial(experiment).items()}, finished


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("crash", "crashed (a fault on purpose)"),
        ("hang", "did not answer in time"),
        ("nan", "not finite"),
        ("infinity", "not finite"),
        ("shape", "has shape ("),
    ],
)
def test_a_client_that_sends_nothing_usable_costs_itself_and_the_others_stay_as_they_are(fair, kind, reason):
    found, rounds = step(having(fair, {"kind": kind, "clients": [2, 7]}), 1)
    honest, whole = step(fair, 1)
    assert [(f.client, reason in f.reason) for f in rounds[1].failures] == [(2, True), (7, True)]
    trained = {int(c): float(loss) for r in rounds[1].training for c, loss in zip(r.client, r.loss[:, 0], strict=True)}
    theirs = {int(c): float(loss) for r in whole[1].training for c, loss in zip(r.client, r.loss[:, 0], strict=True)}
    assert trained == {c: loss for c, loss in theirs.items() if c not in (2, 7)}
    assert rounds[1].notes["faults"] == [{"client": 2, "kind": kind}, {"client": 7, "kind": kind}]
    assert any(np.any(found[part] != honest[part]) for part in found)


def test_what_is_lost_by_a_crash_is_what_is_lost_by_nan(fair):
    crash, _ = step(having(fair, {"kind": "crash", "clients": [2, 7]}))
    for kind in ("nan", "shape", "hang"):
        other, _ = step(having(fair, {"kind": kind, "clients": [2, 7]}))
        for part, moved in crash.items():
            np.testing.assert_array_equal(other[part], moved)


def test_when_all_clients_lie_by_their_sign_or_size_the_step_is_that_many_times_as_long(fair):
    honest, _ = step(fair, 1)
    for kind, strength, factor in (("sign-flip", 2.0, -2.0), ("scale", 3.0, 3.0)):
        found, _ = step(having(fair, {"kind": kind, "share": 1.0, "strength": strength}), 1)
        for part, moved in honest.items():
            np.testing.assert_allclose(found[part], factor * moved, rtol=1e-10, atol=1e-15)


def test_one_liar_among_ten_moves_the_mean_by_its_share(fair):
    honest, _ = step(fair, 1)
    without, _ = step(having(fair, {"kind": "crash", "clients": [4]}), 1)
    lying, _ = step(having(fair, {"kind": "scale", "clients": [4], "strength": 5.0}), 1)
    for part, moved in honest.items():
        own = 10 * moved - 9 * without[part]
        np.testing.assert_allclose(lying[part], moved + 4 * own / 10, rtol=1e-8, atol=1e-13)


def test_flipped_labels_are_trained_on_and_never_judged_on(fair):
    found, rounds = step(having(fair, {"kind": "label-flip", "clients": [4]}), 1)
    _, whole = step(fair, 1)
    first, other = (
        {int(c): float(s) for r in each[0].evaluation for c, s in zip(r.client, r.score[:, -1], strict=True)}
        for each in (rounds, whole)
    )
    assert first == other
    lied, reported = (
        {int(c): float(x) for r in each[1].training for c, x in zip(r.client, r.loss[:, 0], strict=True)}
        for each in (rounds, whole)
    )
    assert {c for c in reported if reported[c] != lied[c]} == {4}
    assert all(np.isfinite(moved).all() for moved in found.values())


def test_a_stale_client_works_with_the_theta_of_so_many_rounds_ago(fair):
    late = having(fair, {"kind": "stale", "share": 1.0, "strength": 1, "first": 2}, rounds=2)
    first, _ = step(fair, 1)
    both, rounds = step(late)
    # in round 2 all directions are of the first θ again: the same function of θ, on round 2's draws
    fresh = step(fair.model_copy(update={"rounds": 2}))[0]
    assert any(np.any(both[part] != fresh[part]) for part in both)
    old, _ = step(having(fair, {"kind": "stale", "share": 1.0, "strength": 1, "first": 2}, rounds=2, outer_lr=1e-6))
    scale = 0.5 / 1e-6
    for part, moved in both.items():
        # with a rate of next to nothing every θ is the first
        np.testing.assert_allclose(moved, scale * old[part], rtol=1e-4, atol=1e-7)
    assert len(rounds[2].notes["faults"]) == 10
    assert set(first) == set(both)


@pytest.mark.parametrize("aggregator", ["mean", "median"])
def test_alie_is_computed_from_all_honest_clients_wherever_they_are_hosted(fair, aggregator):
    liars = [1, 5, 8]
    lying, rounds = step(having(fair, {"kind": "alie", "clients": liars}, aggregator=aggregator), 1)
    # the honest clients' own directions, one at a time: all others crash
    updates = {part: [] for part in lying}
    for client in sorted(set(range(10)) - set(liars)):
        others = [c for c in range(10) if c != client]
        alone, _ = step(having(fair, {"kind": "crash", "clients": others}), 1)
        for part, moved in alone.items():
            updates[part].append(moved / -0.5)
    for part, moved in lying.items():
        honest = np.array(updates[part])
        everybody = np.concatenate([honest, np.stack([alie(honest, 3)] * 3)])
        expected = everybody.mean(0) if aggregator == "mean" else np.median(everybody, 0)
        np.testing.assert_allclose(moved, -0.5 * expected, rtol=1e-7, atol=1e-12)
    printed = {int(c) for r in rounds[1].training for c in r.client}
    assert printed == set(range(10))
    assert rounds[1].failures == []


def test_inner_product_liars_turn_the_mean_around_once_they_are_strong_enough(fair):
    honest, _ = step(having(fair, {"kind": "crash", "clients": [0, 1]}), 1)
    lying, _ = step(having(fair, {"kind": "inner-product", "clients": [0, 1], "strength": 9.0}), 1)
    for part, moved in honest.items():
        # 8 honest of mean μ and 2 of −9 μ: the mean is −μ
        np.testing.assert_allclose(lying[part], -moved, rtol=1e-7, atol=1e-12)


def test_liars_of_one_kind_each_have_their_own_strength(fair):
    honest, _ = step(having(fair, {"kind": "crash", "clients": [0, 1]}), 1)
    liars = [{"kind": "inner-product", "clients": [c], "strength": s} for c, s in ((0, 1.0), (1, 3.0))]
    lying, _ = step(having(fair, *liars), 1)
    for part, moved in honest.items():
        # 8 honest of mean μ, one of −μ and one of −3 μ
        np.testing.assert_allclose(lying[part], (8 - 1 - 3) / 10 * moved, rtol=1e-7, atol=1e-12)


def test_a_theta_that_leaves_the_finite_numbers_is_named(fair):
    with pytest.raises(Diverged, match=r"round 1 diverged: θ is not finite after the step \(clients 0, 1, 2"):
        run(having(fair, {"kind": "scale", "share": 1.0, "strength": 1e40}, outer_lr=1e300))


def test_faults_are_the_same_whatever_the_chunks(fair):
    faults = (
        {"kind": "random", "share": 0.2, "strength": 2.0},
        {"kind": "stale", "share": 0.2, "strength": 1},
        {"kind": "crash", "share": 0.2, "rate": 0.5},
        {"kind": "alie", "share": 0.2},
    )
    large, _ = step(having(fair, *faults))
    small, _ = step(having(fair, *faults, chunk=1))
    for part, moved in large.items():
        np.testing.assert_allclose(small[part], moved, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("faults", "changes", "reason"),
    [
        ([{"kind": "alie", "share": 0.2}], {"objective": "minimax"}, "updates that each client determines alone"),
        ([{"kind": "alie", "share": 0.2}], {"algorithm": "local"}, "updates that each client determines alone"),
        ([{"kind": "label-flip", "share": 0.2}], {"tasks": "environment:cartpole"}, "control and has no labels"),
    ],
)
def test_faults_that_nobody_can_have_are_refused(fair, faults, changes, reason):
    with pytest.raises(ValueError, match=reason):
        having(fair.model_copy(update={"algorithm": fair.algorithm}), *faults, **changes)
