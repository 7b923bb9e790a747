"""What holds for every algorithm; a new one is tested by being in ``ALGORITHMS``."""

import inspect
from abc import ABC

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metafed.algorithms import ALGORITHMS
from metafed.core.episodes import Batch, Episode
from metafed.models.neighbours import FEATURES, LABELS
from tests.metafed.algorithms.clients import CASES, begin, padded, path, pick, ragged, same
from tests.metafed.models.problems import network, one

WEIGHTS = torch.tensor([2, 1, 1, 2, 1, 1, 1, 2, 1], dtype=torch.float64)
"""How much the rows of a batch count."""
every_case = pytest.mark.parametrize(("name", "kind"), CASES)
every_algorithm = pytest.mark.parametrize("name", ALGORITHMS)


def prepared(name, kind, clients=4, seed=0):
    algorithm = ALGORITHMS[name]()
    task, theta, episode = network(kind, clients=clients, seed=seed)
    theta, state = begin(algorithm, theta, clients, seed)
    return algorithm, task, theta, state, ragged(episode)


def repeated(batch):
    """Return a batch with the rows of weight 2 a second time."""
    again = torch.nonzero(WEIGHTS[: batch.mask.shape[1]] == 2).squeeze(1)
    return Batch(*(torch.cat([field, field[:, again]], 1) for field in batch))


def same_update(left, right):
    same(left.directions, right.directions)
    same(left.state, right.state)
    for field in ("losses", "output", "weights"):
        torch.testing.assert_close(getattr(left, field), getattr(right, field), rtol=1e-12, atol=1e-12)
    assert left.step == right.step


@every_case
def test_a_chunk_equals_a_loop(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    together = algorithm.update(task, theta, state, episode, 1)
    adapted = path(algorithm, task, theta, state, episode.support, 2)
    for client in range(4):
        own = pick(state, client)
        alone = algorithm.update(task, theta, own, one(episode, client), 1)
        mine = together._replace(
            directions=pick(together.directions, client),
            state=pick(together.state, client),
            **{f: getattr(together, f)[client : client + 1] for f in ("losses", "output", "weights")},
        )
        same_update(mine, alone)
        by_itself = path(algorithm, task, theta, own, one(episode, client).support, 2)
        for chunked, single in zip(adapted, by_itself, strict=True):
            same(pick(chunked, client), single)


@every_case
@given(extra=st.integers(1, 6), filling=st.floats(-3, 3), seed=st.integers(0, 5))
@settings(max_examples=3, deadline=None)
def test_padding_is_invisible(name, kind, extra, filling, seed):
    algorithm, task, theta, state, episode = prepared(name, kind, clients=2, seed=seed)
    longer = Episode(padded(episode.support, extra, filling), padded(episode.query, extra + 1, filling))
    left = algorithm.update(task, theta, state, longer, 1)
    right = algorithm.update(task, theta, state, episode, 1)
    same_update(left._replace(output=right.output), right)
    torch.testing.assert_close(
        task.score(left.output, longer.query), task.score(right.output, episode.query), rtol=0, atol=1e-12
    )
    for padded_too, unpadded in zip(
        path(algorithm, task, theta, state, longer.support, 2),
        path(algorithm, task, theta, state, episode.support, 2),
        strict=True,
    ):
        rows = {FEATURES, LABELS}  # what remembers rows remembers the masked ones too: they do not vote
        same(*({name: value for name, value in found.items() if name not in rows} for found in (padded_too, unpadded)))
        predicted = (algorithm.predictor(task).predict(found, episode.query.x) for found in (padded_too, unpadded))
        torch.testing.assert_close(*predicted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if not ALGORITHMS[case[0]].counts_rows])
def test_a_row_of_weight_two_counts_as_the_row_twice(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind, clients=2)
    heavy = Episode(*(batch._replace(mask=batch.mask * WEIGHTS[: batch.mask.shape[1]]) for batch in episode))
    twice = Episode(*(repeated(batch) for batch in episode))
    left, right = (algorithm.update(task, theta, state, each, 1) for each in (heavy, twice))
    plain = algorithm.update(task, theta, state, episode, 1)
    # a client counts by its rows, one by one
    assert torch.equal(left.weights, plain.weights)
    same_update(left._replace(output=right.output, weights=right.weights), right)
    torch.testing.assert_close(
        task.score(left.output, heavy.query), task.score(right.output, twice.query), rtol=0, atol=1e-12
    )
    for weighted, doubled in zip(
        *(path(algorithm, task, theta, state, each.support, 2) for each in (heavy, twice)), strict=True
    ):
        same(weighted, doubled)
    assert not torch.allclose(plain.losses, left.losses)


@every_case
def test_no_client_depends_on_another(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    clean = algorithm.update(task, theta, state, episode, 1)
    clean_path = path(algorithm, task, theta, state, episode.support, 2)
    poisoned = Episode(*(batch._replace(x=batch.x.clone()) for batch in episode))
    poisoned.support.x[1] = poisoned.query.x[1] = float("nan")
    state = {n: value.clone() for n, value in state.items()}
    for value in state.values():
        value[1] = float("nan")
    other = algorithm.update(task, theta, state, poisoned, 1)
    other_path = path(algorithm, task, theta, state, poisoned.support, 2)
    assert not torch.isfinite(other.losses[1])
    for client in (0, 2, 3):
        same(pick(clean.directions, client), pick(other.directions, client), tolerance=0)
        same(pick(clean.state, client), pick(other.state, client), tolerance=0)
        assert torch.equal(clean.output[client], other.output[client])
        for left, right in zip(clean_path, other_path, strict=True):
            same(pick(left, client), pick(right, client), tolerance=0)


@every_case
def test_nothing_that_was_passed_in_is_changed_and_the_answer_is_the_same_twice(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    before = [{n: t.clone() for n, t in params.items()} for params in (theta, state)]
    first = algorithm.update(task, theta, state, episode, 1)
    first_path = path(algorithm, task, theta, state, episode.support, 3)
    second = algorithm.update(task, theta, state, episode, 1)
    second_path = path(algorithm, task, theta, state, episode.support, 3)
    for params, kept in zip((theta, state), before, strict=True):
        same(params, kept, tolerance=0)
        assert not any(value.requires_grad for value in params.values())
    same(first.directions, second.directions, tolerance=0)
    same(first.state, second.state, tolerance=0)
    for left, right in zip(first_path, second_path, strict=True):
        same(left, right, tolerance=0)


@every_case
def test_training_judges_what_evaluation_would_and_never_reads_the_query_labels(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    update = algorithm.update(task, theta, state, episode, 1)
    adapted = path(algorithm, task, theta, state, episode.support, update.step)[-1]
    weighable_losses = algorithm.predictor(task).predict(adapted, episode.query.x)
    torch.testing.assert_close(update.output, weighable_losses, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(update.losses, task.loss(weighable_losses, episode.query), rtol=1e-12, atol=1e-12)

    other_labels = episode.query._replace(y=episode.query.y.flip(1))
    relabelled = algorithm.update(task, theta, state, episode._replace(query=other_labels), 1)
    assert torch.equal(update.output, relabelled.output)


@every_case
def test_an_update_has_the_names_and_shapes_that_the_server_and_the_host_expect(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    update = algorithm.update(task, theta, state, episode, 1)
    assert update.directions.keys() <= theta.keys()
    for parameter, direction in update.directions.items():
        assert direction.shape == (4, *theta[parameter].shape)
    # the host lays states out as flat vectors, in the order of their names
    assert list(update.state) == list(state)
    for parameter, value in update.state.items():
        assert value.shape == state[parameter].shape
    for tensor in (*update.directions.values(), *update.state.values(), update.losses, update.weights, update.output):
        assert not tensor.requires_grad
    assert update.losses.shape == update.weights.shape == (4,)
    assert update.output.shape == (4, 9, 3)


@every_case
def test_adaptation_yields_every_step_and_serves_the_support_set(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    steps = max(3, algorithm.evaluation_steps)
    found = path(algorithm, task, theta, state, episode.support, steps)
    assert len(found) == steps + 1
    predicting = algorithm.predictor(task)
    before, after = (
        task.loss(predicting.predict(params, episode.support.x), episode.support) for params in (found[0], found[-1])
    )
    assert after.mean() < before.mean()


@every_case
def test_a_round_lets_theta_or_the_state_serve_the_clients_better(name, kind):
    algorithm, task, theta, state, episode = prepared(name, kind)
    first = algorithm.update(task, theta, state, episode, 1000)
    closer = {n: t - 0.01 * first.directions[n].mean(0) if n in first.directions else t for n, t in theta.items()}
    second = algorithm.update(task, closer, first.state, episode, 1000)
    assert second.losses.mean() < first.losses.mean()


@every_algorithm
def test_names_and_defaults(name):
    kind = ALGORITHMS[name]
    algorithm = kind()
    assert algorithm.model_dump()["name"] == name
    assert kind.model_validate(algorithm.model_dump()) == algorithm
    assert algorithm.evaluation_warning(algorithm.evaluation_steps) is None
    assert algorithm.outer.optimizer in ("sgd", "momentum", "adam", "yogi")
    assert inspect.getmodule(kind).__doc__.count("arXiv") >= (name != "local")


@every_algorithm
def test_the_inner_loop_is_set_by_the_same_two_flags(name):
    for field, flag in (("inner_steps", "--inner-steps"), ("inner_lr", "--inner-lr")):
        metadata = ALGORITHMS[name].model_fields[field].metadata if name != "protonet" else None
        assert metadata is None or any(flag in (getattr(each, "aliases", None) or ()) for each in metadata)


@every_algorithm
def test_classes_are_abstract_or_final_and_override_nothing_concrete_but_hooks(name):
    kind = ALGORITHMS[name]
    assert getattr(kind, "__final__", False)
    parents = [base for base in kind.__mro__[1:] if base.__module__.startswith("metafed.")]
    for number, base in enumerate(parents):
        assert ABC in base.__bases__
        below = [kind, *parents[:number]]
        for method, found in list(vars(base).items()):
            open_to_all = getattr(found, "__isabstractmethod__", False) or getattr(found, "hook", False)
            if callable(found) and not method.startswith("_") and not open_to_all:
                assert not any(method in vars(lower) for lower in below), method


def test_settings_that_cannot_work_are_refused_with_the_flag_that_helps():
    for name, wrong, flag in (
        ("ditto", {"lam": 20.0}, "--inner-lr"),
        ("fedprox", {"mu": 30.0}, "--inner-lr"),
        ("pfedme", {"local_lr": 0.6}, "--algorithm.local-lr"),
        ("meta-sgd", {"inner_steps": 0}, "inner_steps"),
        ("maml++", {"inner_steps": 0}, "inner_steps"),
        ("maml", {"inner_lr": float("nan")}, "inner_lr"),
    ):
        with pytest.raises(ValueError, match=flag):
            ALGORITHMS[name](**wrong)


@pytest.mark.parametrize(
    ("name", "steps"), [("meta-sgd", 6), ("maml++", 6), ("protonet", 2), ("fedavg", 1), ("fedprox", 1)]
)
def test_steps_that_mislead_are_named(name, steps):
    assert f"--eval-steps {steps}" in ALGORITHMS[name]().evaluation_warning(steps)
