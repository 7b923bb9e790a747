"""What is fitted on meta-training rows of seen clients, and on no other row: means, units, values of categories."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metafed.data.table.columns import (
    Column,
    Number,
    fitted_category,
    fitted_characters,
    fitted_number,
    fitted_steps,
    stated,
)
from metafed.data.table.roles import Input
from metafed.data.table.tables import Values
from metafed.tasks.task import Kind


class Fitted(NamedTuple):
    """What was fitted.

    Attributes:
        columns: The columns of the features.
        target: Scale of the target, for regression.
        clients: How many clients were fitted on.
        labels: The classes that occur in their training rows, for classification.
    """

    columns: tuple[Column, ...]
    target: Number | None
    clients: int
    labels: frozenset[int]


def fitted(inputs: Sequence[Input], training: Sequence[tuple[Values, np.ndarray]], kind: Kind) -> Fitted:
    """Fit columns and target to the training rows of some clients.

    Args:
        inputs: The columns that the model sees.
        training: Of each client the columns that are not stated, and the target: classes ``(n,)`` or numbers
            ``(n, D)``.
        kind: Classification or regression.
    """
    targets = [target for _, target in training]
    return Fitted(
        columns=tuple(_column(used, [values for values, _ in training]) for used in inputs),
        target=fitted_number("target", targets, signal=False) if kind == "regression" else None,
        clients=len(training),
        labels=frozenset(np.unique(np.concatenate(targets)).tolist() if kind == "classification" else ()),
    )


def _column(used: Input, training: Sequence[Values]) -> Column:
    name, column = used.feature.name, stated(used.feature)
    if column is not None:
        return column
    if used.cell == "category":
        return fitted_category(name, [values[name] for values in training])
    rows = [values[name] for values in training]
    if used.cell == "characters":
        return fitted_characters(name, rows)
    if used.kept.content == "sequence":
        return fitted_steps(name, rows, used.kept.shape[0])
    if used.feature.cell == "embedding":
        return Number(name, (0.0,) * used.kept.width, (1.0,) * used.kept.width, plain=True)
    return fitted_number(name, rows, used.kept.signal)
