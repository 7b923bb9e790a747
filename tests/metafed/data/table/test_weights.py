"""Rows that do not count alike: what their weights mean, and which are refused."""

import numpy as np
import polars as pl
import pytest
import torch

import metafed as mf
from client.host import Host
from metafed.core.episodes import Examples, pad
from metafed.experiment.lookup import headline_of
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.scores import SCORES, takes_weights
from metafed.training.batches import Dealt, Plan
from metafed.training.settings import ClientTraining

ROLES = {"client": "user", "target": "y", "features": ["a", "b"]}
HOW = {"width": 6, "precision": "float64", "kernels": "torch", "unseen": 0.25}


def table(**columns):
    """Return eight clients with twelve rows each, of which half are for evaluation."""
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user": np.repeat([f"u{number}" for number in range(8)], 12),
            "a": rng.normal(size=96),
            "b": rng.normal(size=96),
            "y": rng.integers(0, 3, 96),
            "w": rng.uniform(0.5, 3.0, 96),
            **columns,
        }
    )


def checked(frame, weight="w", score="", algorithm="maml", clients=8, **keys):
    """Return the federation of a frame that was looked over."""
    family = mf.Family.from_frame("t", frame, **ROLES, weight=weight, **keys)
    made = Federation(mf.Experiment(families=[family], score=score, algorithm=algorithm, clients=clients, **HOW))
    preflight(made)
    return made


def test_rows_bring_their_weights_and_the_notes_say_so():
    frame = table()
    made = checked(frame)
    for client in range(8):
        own = made.population.split(client).own
        rows = frame.filter(pl.col("user") == made.called(client))
        assert own.weight.tolist() == rows["w"].to_list()
    notes = " ".join(made.sources[0].notes)
    assert f"a row counts as 'w' says, {frame['w'].min():g} to {frame['w'].max():g}, in losses and scores" in notes


def test_a_row_of_weight_zero_is_left_out():
    frame = table(w=[0.0 if row % 12 == 3 or row < 12 else 1.5 for row in range(96)])
    made = checked(frame, clients=7)
    assert "19 rows of weight 0 left out, all rows of 1 client among them" in " ".join(made.sources[0].notes)
    without = frame.filter(pl.col("w") > 0)
    left, right = (of.sources[0] for of in (made, checked(without, clients=7)))
    assert left.clients == right.clients == 7
    for client in range(7):
        assert np.array_equal(left.examples(client).x, right.examples(client).x)


def test_weights_of_one_change_no_bit():
    made = [checked(table(w=np.ones(96))), checked(table(), weight=None)]
    answers = [Host(each).train(each.vectors, [0, 1, 2, 3], 1, {}) for each in made]
    left, right = (answer.contribution.directions for answer in answers)
    assert left.keys() == right.keys()
    assert all(np.array_equal(left[part], right[part]) for part in left)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({5: -1.0}, "column 'w', the weight, has -1.0 in row 5: a weight is 0, which leaves the row out, or between"),
        ({7: None, 9: 1e9}, "has no value in row 7, and 1 other rows"),
        ({2: float("nan")}, "has no value in row 2"),
        ({2: float("inf")}, "has inf in row 2"),
        (dict.fromkeys(range(96), 0.0), "is 0 in all 96 rows: no row would be left"),
    ],
)
def test_bad_weights_are_one_message(weights, message):
    with pytest.raises(mf.DataError, match=message):
        checked(table(w=[weights.get(row, 1.0) for row in range(96)]))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"weight": "v"}, "has no column 'v', the weight"),
        ({"weight": "y"}, "column 'y' is the weight and the target"),
        ({"weight": "a"}, "column 'a' is a feature and the weight"),
        ({"weight": "user"}, "holds text, such as 'u0': a weight is a number"),
        ({"weight": "sure"}, "holds text, such as 'very': a weight is a number"),
        ({"attribute": "sex"}, "weight and attribute exclude each other"),
        ({"algorithm": "knn-per"}, "--algorithm knn-per counts rows alike, and the rows of family 't' have weights"),
        ({"algorithm": "fedproto"}, "--algorithm fedproto counts rows alike"),
        ({"score": "tests.metafed.data.table.test_weights:alike"}, "give it an argument weight=None"),
    ],
)
def test_what_has_no_weights(keys, message):
    frame = table(sex=["f", "m"] * 48, sure=["1.5", "very"] * 48)
    with pytest.raises(ValueError, match=message):
        checked(frame, **keys)


def alike(target, output):
    """Return a score that counts rows alike."""
    return float((output.argmax(1) == target).mean())


def test_a_score_of_ones_own_may_take_weights():
    made = checked(table(), score="tests.metafed.data.table.test_weights:total")
    (rows,) = Host(made).evaluate(made.vectors, [0], {}).rows
    draw = made.population.evaluation([0])
    weight = draw.examples[0].weight[draw.rows[0].query]
    assert rows.scores["tests.metafed.data.table.test_weights:total"][0] == pytest.approx(weight.sum())


def total(target, output, weight=None):
    """Return the sum of the weights."""
    return float(weight.sum())


@pytest.mark.parametrize("name", SCORES)
def test_of_every_score_a_row_of_weight_two_is_the_row_twice(name):
    kind, score = SCORES[name]
    rng = np.random.default_rng(3)
    weight = np.array([2.0, 1, 1, 2, 1, 2, 1, 1, 1, 2])
    twice = np.repeat(np.arange(10), weight.astype(int))
    if kind == "classification":
        target, output = np.arange(10) % 3, rng.integers(1, 4, (10, 3)).astype(float)
        output /= output.sum(1, keepdims=True)
    else:
        target, output = rng.normal(size=(10, 2)), rng.normal(size=(10, 2))
    assert score(target, output, weight) == pytest.approx(score(target[twice], output[twice]), abs=1e-14)
    assert score(target, output, np.ones(10)) == score(target, output)
    assert score(target, output, weight) != pytest.approx(score(target, output), abs=1e-6)


@pytest.mark.parametrize("name", ["log-loss", "auc"])
def test_a_headline_is_of_weighted_rows(name):
    rng, target, weight = np.random.default_rng(4), np.arange(8) % 3, np.arange(8) + 1.0
    output = rng.dirichlet(np.ones(3), 8)
    score, headline = SCORES[name][1], headline_of(name, "classification")
    sign = -1 if name == "log-loss" else 1
    assert takes_weights(headline)
    assert headline(target, output, weight=weight) == sign * score(target, output, weight)
    assert headline(target, output) != headline(target, output, weight=weight)


def test_minibatches_carry_the_weights_of_their_rows():
    own = Examples(np.arange(7.0)[:, None], np.arange(7), "", np.full(7, np.nan), weight=np.arange(7.0) + 1)
    rows = pad([own], [np.arange(7)], torch.float64, 9)
    plan = Plan.of(ClientTraining(batch_size=3, epochs=1), 0, 1, [0])
    batches = [batch for number in range(3) for batch in [Dealt(rows, plan).step(number)]]
    seen = [pair for x, _, mask in batches for pair in zip(x.flatten().tolist(), mask.flatten().tolist(), strict=True)]
    assert sorted(pair for pair in seen if pair[1]) == [(x, x + 1) for x in map(float, range(7))]
    assert sum(mask == 0 for _, mask in seen) == 2


def test_a_source_says_whether_its_rows_have_weights(monkeypatch):
    made = checked(table())
    kind = type(made.sources[0])
    monkeypatch.setattr(kind, "weighted", False)
    with pytest.raises(mf.DataError, match=r"client u. has weights, and its source says weighted = False"):
        Federation(made.experiment).population.split(0)


def test_columns_of_arrays_that_a_key_names_are_no_features():
    frame = table(sex=["f", "m"] * 48, who=np.repeat(["x", "y"] * 4, 12))
    x = {name: frame[name].to_numpy() for name in ("a", "b", "w", "who")}
    arrays = (x, frame["y"].to_numpy(), frame["user"].to_numpy())
    family = mf.Family.from_arrays("t", arrays, weight="w", group="who")
    made, same = Federation(mf.Experiment(families=[family], **HOW, clients=8)), checked(frame, group="who")
    assert [name for name, _ in made.sources[0].columns] == ["a", "b"]
    for client in range(8):
        left, right = (each.population.split(client).own for each in (made, same))
        assert left.group == right.group
        assert np.array_equal(left.weight, right.weight)
        assert np.array_equal(left.x, right.x)
