"""Arrays that a user gives, and those that a user gets."""

from typing import Any

import numpy as np
import torch

from metafed.core.errors import SettingError


def read_only(vector: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return a view that cannot be written to."""
    view = vector.view()
    view.flags.writeable = False
    return view


def numbers(what: str, value: Any, shape: tuple[int, ...]) -> torch.Tensor:
    """Return an array or tensor of numbers in float64, of a shape that is wanted.

    Raises:
        SettingError: It is none, has another shape, or values that are not finite.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.double().numpy() if value.is_floating_point() else value.numpy()
    try:
        given = np.asarray(value)
    except (TypeError, ValueError):  # lists of several lengths
        given = np.array(None)
    if given.dtype.kind not in "fiu" or isinstance(value, np.ma.MaskedArray):
        raise SettingError(f"{what} is no array of numbers")
    if given.shape != shape:
        raise SettingError(f"{what} has the shape {given.shape}; here it is {shape}")
    if not np.isfinite(given).all():
        raise SettingError(f"{what} has values that are not finite")
    return torch.from_numpy(given.astype(np.float64))
