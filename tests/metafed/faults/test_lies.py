"""What a client at fault sends: hand computations."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from metafed.faults.lies import alie, flipped, inner_product, sent
from metafed.faults.plan import Fault

HONEST = {"trunk": torch.tensor([1.0, -2.0, 4.0]), "head": torch.tensor([3.0, 0.0])}


def reported(kind, strength=None):
    return sent(HONEST, Fault(kind=kind, clients=(0,), strength=strength), np.random.default_rng(1))


def test_sign_flip_and_scale():
    assert reported("sign-flip", 2.0)["trunk"].tolist() == [-2.0, 4.0, -8.0]
    assert reported("scale", 3.0)["head"].tolist() == [9.0, 0.0]
    assert HONEST["trunk"].tolist() == [1.0, -2.0, 4.0]


def test_nan_and_infinity_stand_in_one_place_and_a_wrong_shape_lacks_one_number():
    assert np.isnan(reported("nan")["trunk"]).tolist() == [True, False, False]
    assert reported("infinity")["head"].tolist() == [float("inf"), 0.0]
    assert {part: vector.shape for part, vector in reported("shape").items()} == {"trunk": (2,), "head": (1,)}


def test_random_numbers_are_as_large_as_the_update_and_say_nothing_of_it():
    honest = {"trunk": torch.full((40_000,), 3.0)}
    lie = sent(honest, Fault(kind="random", clients=(0,), strength=2.0), np.random.default_rng(1))["trunk"]
    assert float(lie.square().mean().sqrt()) == pytest.approx(6, rel=0.02)
    assert abs(float(lie.mean())) < 4 * 6 / 200


def test_labels_are_turned_around():
    assert flipped(torch.tensor([0, 1, 4]), 5).tolist() == [4, 3, 0]
    assert flipped(torch.tensor([0.5, -2.0]), None).tolist() == [-0.5, 2.0]


def test_alie_is_z_standard_deviations_below_the_mean():
    honest = np.random.default_rng(0).normal(3, 2, (40, 5))
    # n = 50, m = 10: s = 26 − 10 = 16, Φ(z) = (40 − 16) / 40
    expected = honest.mean(0) - norm.ppf(24 / 40) * honest.std(0)
    np.testing.assert_allclose(alie(honest, 10), expected, rtol=1e-12)
    # few liars that cannot hide beyond the mean send it
    np.testing.assert_allclose(alie(honest[:4], 1), honest[:4].mean(0) - norm.ppf(0.5) * honest[:4].std(0), rtol=1e-12)
    # a majority hides behind the outermost honest client
    np.testing.assert_allclose(alie(honest, 60), honest.mean(0) - norm.ppf(79 / 80) * honest.std(0), rtol=1e-12)


def test_inner_product_manipulation_is_against_the_honest_mean():
    honest = np.array([[1.0, 2.0], [3.0, -2.0]])
    assert inner_product(honest, 0.5).tolist() == [-1.0, 0.0]
    assert float(inner_product(honest, 0.1) @ honest.mean(0)) < 0
