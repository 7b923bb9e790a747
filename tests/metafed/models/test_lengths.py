"""Rows of about one length are computed together: the same outputs and gradients, and fewer moments."""

from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from metafed.core.errors import DataError
from metafed.models.inputs import Inputs
from metafed.models.lengths import PARTS, by_length, cuts
from metafed.models.making import make

MOMENTS, WIDTH = 7, 3


def sequences(lengths):
    """Return flattened masked sequences ``(C, N, MOMENTS * (WIDTH + 1))`` of the lengths ``(C, N)``."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*lengths.shape, MOMENTS, WIDTH + 1, generator=generator, dtype=torch.float64)
    x[..., -1] = 1
    x[torch.arange(MOMENTS) < MOMENTS - lengths[..., None]] = 0
    return x.flatten(2)


def computed(rows, asked):
    """Return a number for each row that no padding changes, and note how many moments were asked for."""
    moments = rows.unflatten(2, (-1, WIDTH + 1))
    asked.append(moments.shape[:3].numel())
    return moments[..., :-1].sin().sum((2, 3)).unsqueeze(-1)


@given(st.integers(1, 3), st.integers(0, 12), st.randoms(use_true_random=False))
def test_outputs_are_those_of_whole_rows_in_their_order(clients, count, chance):
    x = sequences(torch.tensor([[chance.randint(0, MOMENTS) for _ in range(count)] for _ in range(clients)]).long())
    asked: list[int] = []
    torch.testing.assert_close(by_length(lambda rows: computed(rows, asked), x, MOMENTS), computed(x, []))
    assert sum(asked) <= x.shape[:2].numel() * MOMENTS
    assert len(asked) <= PARTS


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9).map(lambda found: sorted(found, reverse=True)))
def test_no_other_cuts_leave_fewer_moments(longest):
    def moments(places):
        return sum((end - start) * longest[start] for start, end in pairwise(places))

    every = [(0, *inner, len(longest)) for k in range(PARTS) for inner in combinations(range(1, len(longest)), k)]
    assert moments(cuts(longest)) == min(map(moments, every))


class Counting(nn.Module):
    """Says that padding does not matter, and has a head on how much there is."""

    inputs, skips_padding = "sequence", True

    def __init__(self, inputs, outputs):
        super().__init__()
        self.head = nn.Linear(1, outputs)

    def forward(self, x):
        return self.head(x.new_full((len(x), 1), float(x.shape[1])))


def test_a_module_that_says_so_and_depends_on_padding_is_refused():
    inputs = Inputs("sequence", (MOMENTS, WIDTH + 1), masked=True)
    with pytest.raises(DataError, match="skips_padding = True, and its outputs depend on how much padding comes first"):
        make(Counting, "avatar", inputs, 2, {}, 0, torch.float32)
