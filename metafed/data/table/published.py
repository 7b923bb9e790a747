"""The keys of a description that follow from the published form of its data folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metafed.data.files.forms import form_of


def of_form(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a description, with those that the form of its data folder gives by itself.

    Args:
        folder: That which ``data`` is counted from.
        values: The keys that are written; they go before.

    Raises:
        DataError: The folder has such a form, but is damaged.
    """
    data = values.get("data")
    place = folder / data if isinstance(data, str) else None
    form = form_of(place) if place is not None else None
    if form is None or place is None:
        return values
    return with_form(values, form.keys(place))


def with_form(values: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that a form gives, and ``values``, which go before."""
    idle = set[str]()
    if "partition" in values:  # shared out anew
        idle |= {"client", "evaluation"}
    if any(key in values for key in ("time", "block", "evaluation")):
        idle.add("evaluation")
    if "features" in values or "text" in values:
        idle |= {"features", "image"}
    return {**{key: value for key, value in own.items() if key not in idle}, **values}
