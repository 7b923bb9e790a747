"""Affine maps in C++: the same as PyTorch's, with first and second derivatives, for sizes of every kind."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from metafed.native.affine import affine

pytestmark = pytest.mark.compiler

# around a vector of 2, 4, 8 or 16 numbers, a tile of 6 rows and a block of 8 × 8
SIZES = st.integers(1, 40)


def plain(x, weight, bias, relu):
    y = torch.baddbmm(bias.unsqueeze(1), x, weight)
    return torch.relu(y) if relu else y


def tensors(clients, rows, inputs, outputs, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((clients, rows, inputs), (clients, inputs, outputs), (clients, outputs))
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def all_derivatives(function, x, weight, bias, relu):
    y = function(x, weight, bias, relu)
    first = torch.autograd.grad((y**3).sum(), (x, weight, bias), create_graph=True)
    # every gradient enters, none like another
    second = torch.autograd.grad(sum((k + 1) * (g**2).sum() for k, g in enumerate(first)), (x, weight, bias))
    return y, *first, *second


@given(st.integers(1, 3), SIZES, SIZES, SIZES, st.booleans(), st.integers(0, 2**30))
@settings(deadline=None, max_examples=60)
def test_values_and_derivatives_equal_pytorchs(clients, rows, inputs, outputs, relu, seed):
    own = tensors(clients, rows, inputs, outputs, seed=seed)
    for ours, theirs in zip(all_derivatives(affine, *own, relu), all_derivatives(plain, *own, relu), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10 * float(theirs.abs().max()))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("sizes", [(2, 3, 4, 5), (1, 7, 9, 1), (2, 6, 16, 8)])
def test_derivatives_are_those_of_finite_differences(sizes, relu):
    own = tensors(*sizes)
    assert gradcheck(lambda *a: affine(*a, relu), own)
    assert gradgradcheck(lambda *a: affine(*a, relu), own)


@pytest.mark.parametrize("second", [False, True])
def test_shared_and_turned_tensors_are_read_as_they_lie(second):
    """Weights that all clients share, and inputs whose axes were exchanged."""
    x, weight, bias = tensors(4, 5, 6, 7)
    weight, bias = weight[0].detach().requires_grad_(), bias[0].detach().requires_grad_()

    def results(function):
        turned = x.transpose(0, 1).contiguous().transpose(0, 1)
        y = function(turned, weight.expand(4, 6, 7), bias.expand(4, 7), True)
        found = torch.autograd.grad((y**3).sum(), (x, weight, bias), create_graph=second)
        return torch.autograd.grad((found[0] ** 2).sum(), (x, weight, bias)) if second else found

    for ours, theirs in zip(results(affine), results(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-9)


def test_a_clients_result_is_the_same_to_the_bit_in_any_company():
    x, weight, bias = tensors(5, 13, 33, 21, torch.float32)
    together = affine(x, weight, bias, True)
    alone = torch.cat([affine(x[c : c + 1], weight[c : c + 1], bias[c : c + 1], True) for c in range(5)])
    assert torch.equal(together, alone)


def test_nan_and_infinity_are_not_hidden_by_relu():
    x, weight, bias = (tensor.detach() for tensor in tensors(1, 2, 3, 4))
    x[0, 0, 0], bias[0, 1] = float("nan"), float("inf")
    y = affine(x, weight, bias, True)
    assert torch.isnan(y[0, 0]).all()
    assert torch.isposinf(y[0, 1, 1])
    assert torch.isfinite(y[0, 1, [0, 2, 3]]).all()
