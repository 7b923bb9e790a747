"""Skill is undefined where a constant makes no error: with one target, or with equal ones, in whatever unit."""

import numpy as np
import pytest
import torch

from metafed.core.episodes import Batch
from metafed.models import Mlp
from metafed.tasks.task import task_of

TASK = task_of(Mlp("t", 1, features=1, width=2, depth=0, activation="relu"), "regression")


def skill(targets, dtype, unit=1.0):
    """Return the skill of predicting 0 for one client whose targets are followed by padding."""
    y = torch.tensor([[*targets, 0.0, 0.0]], dtype=torch.float64).mul(unit).to(dtype).unsqueeze(-1)
    mask = torch.tensor([[1.0] * len(targets) + [0.0, 0.0]], dtype=dtype)
    return TASK.score(torch.zeros_like(y), Batch(torch.zeros_like(y), y, mask)).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("targets", [[0.7], [0.3] * 7, [0.1 + 0.2, 0.3], [0.0, 0.0]])
def test_equal_targets_have_none(targets, dtype, unit):
    assert np.isnan(skill(targets, dtype, unit))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_others_have_one(dtype, unit):
    assert skill([1.0, 3.0], dtype, unit) == pytest.approx(1 - 5)
    assert skill([1.0, 1.0001], dtype, unit) < -1e7
