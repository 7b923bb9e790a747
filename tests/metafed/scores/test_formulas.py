"""Every score equals scikit-learn's of the same rows, and is undefined where there is nothing to say."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from metafed.core.streams import stream
from metafed.scores import SCORES


def score(name, target, output):
    return SCORES[name][1](target, output)


def drawn(seed, classes, count):
    """Rows of every class, in which some probabilities are equal."""
    rng = stream(seed, "tests/scores")
    target = np.concatenate([np.arange(classes), rng.integers(classes, size=count)])
    weights = rng.integers(1, 4, size=(len(target), classes)).astype(np.float64)
    return target, weights / weights.sum(1, keepdims=True)


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(0, 30))
def test_of_a_classification(seed, classes, count):
    target, output = drawn(seed, classes, count)
    predicted = output.argmax(1)
    binary = classes == 2
    expected = {
        "accuracy": metrics.accuracy_score(target, predicted),
        "balanced-accuracy": metrics.balanced_accuracy_score(target, predicted),
        "macro-f1": metrics.f1_score(target, predicted, average="macro"),
        "auc": metrics.roc_auc_score(target, output[:, 1] if binary else output, multi_class="ovr", average="macro"),
        "log-loss": metrics.log_loss(target, output, labels=np.arange(classes)),
    }
    for name, value in expected.items():
        assert score(name, target, output) == pytest.approx(value, abs=1e-12), name


def calibration_in_a_straight_line(target, output):
    """Return the error by its definition: bin by bin, row by row, in exact fractions."""
    bins = [[] for _ in range(15)]
    for label, row in zip(target.tolist(), output.tolist(), strict=True):
        best = max(range(len(row)), key=lambda index: (row[index], -index))
        own = next(m for m in range(1, 16) if Fraction(row[best]) <= Fraction(m / 15))
        bins[own - 1].append((best == label, Fraction(row[best])))
    total = Fraction(0)
    for own in filter(None, bins):
        accuracy = Fraction(sum(right for right, _ in own), len(own))
        confidence = sum(value for _, value in own) / len(own)
        total += Fraction(len(own), len(target)) * abs(accuracy - confidence)
    return float(total)


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(0, 40))
def test_calibration_is_that_of_a_straight_line(seed, classes, count):
    target, output = drawn(seed, classes, count)
    assert score("ece", target, output) == pytest.approx(calibration_in_a_straight_line(target, output), abs=1e-14)


@pytest.mark.parametrize(
    ("target", "output", "expected"),
    [
        ([0, 0], [[1.0, 0.0], [1.0, 0.0]], 0.0),
        ([1, 1], [[1.0, 0.0], [1.0, 0.0]], 1.0),
        ([0], [[0.75, 0.25]], 0.25),
        # 0.6 = 9/15 is the upper end of its bin: 0.6 and 0.59 share it, and their errors cancel in part
        ([0, 1], [[0.6, 0.4], [0.59, 0.41]], abs(1 - 0.6 - 0.59) / 2),
        ([0, 1], [[0.601, 0.399], [0.6, 0.4]], (0.399 + 0.6) / 2),
    ],
)
def test_calibration_by_hand(target, output, expected):
    assert score("ece", np.array(target), np.array(output)) == pytest.approx(expected, abs=1e-15)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 30))
def test_of_a_regression(seed, width, count):
    rng = stream(seed, "tests/scores")
    target, output = rng.standard_normal((2, count, width))
    assert score("mae", target, output) == pytest.approx(metrics.mean_absolute_error(target, output), abs=1e-12)
    assert score("rmse", target, output) == pytest.approx(metrics.root_mean_squared_error(target, output), abs=1e-12)


def test_of_rows_of_one_class():
    target, output = np.array([2, 2, 2]), np.array([[0.2, 0.2, 0.6], [0.5, 0.3, 0.2], [0.0, 0.5, 0.5]])
    assert math.isnan(score("auc", target, output))
    assert score("balanced-accuracy", target, output) == pytest.approx(1 / 3)
    assert score("macro-f1", target, output) == pytest.approx((2 / 4 + 0 + 0) / 3)


def test_a_class_that_nobody_has_does_not_count():
    target, output = np.array([0, 2, 0]), np.array([[0.7, 0.1, 0.2], [0.1, 0.2, 0.7], [0.2, 0.1, 0.7]])
    assert score("balanced-accuracy", target, output) == pytest.approx((1 / 2 + 1) / 2)
    assert score("auc", target, output) == pytest.approx((1 + 3 / 4) / 2)


def test_a_probability_of_zero_costs_everything():
    assert score("log-loss", np.array([0]), np.array([[0.0, 1.0]])) == math.inf
