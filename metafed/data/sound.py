"""Whether the rows that a source gives are what it says: whoever computes with them does not ask again."""

import numpy as np

from metafed.core.episodes import Examples
from metafed.core.errors import DataError
from metafed.data.source import Source
from metafed.tasks.task import Kind


def check_rows(own: Examples, source: Source, kind: Kind, who: str) -> None:
    """Check one client's rows against the source's ``features`` and ``outputs``.

    Args:
        own: The rows.
        source: Whose they are.
        kind: Classification, regression or control.
        who: Names the client, for the message.

    Raises:
        DataError: They do not go together, or have numbers that are not finite.
    """
    count = len(own.x)
    lengths = {
        name: len(rows)
        for name in ("y", "oracle_score", "weight")
        if (rows := getattr(own, name)) is not None and len(rows) != count
    }
    if lengths:
        others = " and ".join(f"{length} of {name}" for name, length in lengths.items())
        raise DataError(f"{who} has {count} rows of x, and {others}")
    if source.weighted != (own.weight is not None):
        raise DataError(f"{who} has {'no ' * source.weighted}weights, and its source says weighted = {source.weighted}")
    if own.weight is not None and not (np.isfinite(own.weight) & (own.weight > 0)).all():
        raise DataError(f"{who} has a weight that is no number above 0: leave the row out")
    if kind == "control" or not count:
        return
    for name, numbers, width in (
        ("x", own.x, source.features),
        ("y", own.y, 1 if kind == "classification" else source.outputs),
    ):
        if (found := numbers.size // count) != width:
            raise DataError(f"{who} has rows of {name} of {found} numbers; its source says {width}")
        if not np.isfinite(numbers).all():
            raise DataError(f"{who} has numbers in {name} that are not finite")
