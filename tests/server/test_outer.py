"""The outer optimizer is torch's to the last bit, kept over rounds."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from metafed.core.streams import stream
from server.outer import OPTIMIZERS, SCHEDULES, Outer, factor
from server.yogi import FIRST, FLOOR, SECOND

TORCH = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
}


def directions(count=5, seed=0):
    rng = stream(seed, "directions")
    return [{"trunk": rng.standard_normal(4), "avatar": rng.standard_normal(3)} for _ in range(count)]


def theta():
    return {"trunk": np.arange(4.0), "avatar": np.ones(3)}


@pytest.mark.parametrize("name", TORCH)
def test_moments_are_kept_from_round_to_round(name):
    for dtype in (np.float32, np.float64):
        same_as_torch(name, {part: vector.astype(dtype) for part, vector in theta().items()})


def same_as_torch(name, start):
    outer = Outer(start, name, 0.1)
    reference = {part: torch.nn.Parameter(torch.from_numpy(vector.copy())) for part, vector in start.items()}
    optimizer = TORCH[name](list(reference.values()))
    for direction in directions(20):
        outer.step(direction)
        for part, parameter in reference.items():
            parameter.grad = torch.from_numpy(direction[part]).to(parameter.dtype)
        optimizer.step()
        for part, parameter in reference.items():
            np.testing.assert_array_equal(outer.theta[part], parameter.detach().numpy())


def test_no_step_imports_pytorchs_compiler():
    code = (
        "import sys, numpy as np\nfrom server.outer import OPTIMIZERS, Outer\n"
        "for name in OPTIMIZERS: Outer({'trunk': np.ones(2)}, name, 0.1).step({'trunk': np.ones(2)})\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


def test_yogi_is_fedyogi():
    outer = Outer(theta(), "yogi", 0.1)
    expected, m, v = theta(), {}, {}
    for direction in directions():
        outer.step(direction)
        for part, g in direction.items():
            m[part] = FIRST * m.get(part, 0 * g) + (1 - FIRST) * g
            before = v.get(part, 0 * g + FLOOR**2)
            v[part] = before - (1 - SECOND) * g**2 * np.sign(before - g**2)
            expected[part] = expected[part] - 0.1 * m[part] / (np.sqrt(v[part]) + FLOOR)
    for part, vector in expected.items():
        np.testing.assert_allclose(outer.theta[part], vector, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_part_that_nobody_holds_this_round_keeps_its_values_and_its_moments(name):
    rounds = directions()
    straight, paused = Outer(theta(), name, 0.1), Outer(theta(), name, 0.1)
    for index, direction in enumerate(rounds):
        straight.step({"avatar": direction["avatar"]})
        paused.step({"avatar": direction["avatar"]})
        if index % 2:
            before = paused.theta["avatar"]
            paused.step({"trunk": direction["trunk"]})
            np.testing.assert_array_equal(paused.theta["avatar"], before)
    np.testing.assert_array_equal(straight.theta["avatar"], paused.theta["avatar"])


def test_the_theta_it_hands_out_is_a_copy():
    outer = Outer(theta(), "sgd", 0.1)
    outer.theta["trunk"][:] = 7
    np.testing.assert_array_equal(outer.theta["trunk"], np.arange(4.0))


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "yogi"])
def test_an_optimizer_that_keeps_infinity_is_named_though_theta_is_finite(optimizer):
    outer = Outer({"trunk": np.ones(2, np.float32)}, optimizer, 0.1)
    outer.step({"trunk": np.full(2, 1e30)})  # its square is beyond float32
    assert np.isfinite(outer.theta["trunk"]).all()
    assert outer.infinite() == "what the outer optimizer keeps of 'trunk'"


def test_a_part_that_a_step_does_not_move_is_named():
    outer = Outer({"trunk": np.full(2, 1e9, np.float32), "avatar": np.ones(2, np.float32)}, "sgd", 0.1)
    assert outer.step({"trunk": np.ones(2), "avatar": np.ones(2)}) == ["trunk"]
    assert outer.step({"trunk": np.zeros(2), "avatar": np.ones(2)}) == []


def test_a_falling_rate_is_one_at_first_and_would_be_zero_after_the_last_round():
    shares = {name: [factor(name, number, 4) for number in range(1, 6)] for name in SCHEDULES}
    assert shares["constant"] == [1] * 5
    assert shares["linear"] == [1, 0.75, 0.5, 0.25, 0]
    np.testing.assert_allclose(shares["cosine"], [1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5, 0], atol=1e-15)


@pytest.mark.parametrize("name", TORCH)
def test_a_step_at_a_part_of_the_rate_is_torchs_at_that_rate(name):
    outer, reference = Outer({"trunk": np.arange(4.0)}, name, 0.1), torch.nn.Parameter(torch.arange(4.0).double())
    optimizer = TORCH[name]([reference])
    for number, direction in enumerate(directions(6), start=1):
        share = factor("linear", number, 6)
        outer.step({"trunk": direction["trunk"]}, share)
        optimizer.param_groups[0]["lr"] = 0.1 * share
        reference.grad = torch.from_numpy(direction["trunk"])
        optimizer.step()
        np.testing.assert_array_equal(outer.theta["trunk"], reference.detach().numpy())
