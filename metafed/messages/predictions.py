"""What models predict for single rows, beside a table of clients in a message: one array, and attributes' values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import Field

from metafed.core.digits import LARGEST
from metafed.messages.typed import LONGEST_TEXT, MOST_ROWS, BadAnswer, Count, Message, Text, parsed

PREDICTIONS = "predictions"
"""What the names of its array and values end or go on with, after that of the table of clients."""
MOST_WIDTH = 10**6
"""Numbers to predict for a row, at most."""


@dataclass(frozen=True)
class Predictions:
    """What is predicted for the evaluation rows of a table's clients, ``R`` rows in all: client after client.

    Attributes:
        row: Which of the client's own rows it is, from 0 ``(R,)``.
        target: Its class ``(R, 1)``, or its numbers ``(R, D)``.
        before: What the model predicts that the client begins with: probabilities of the K classes ``(R, K)``, or
            numbers ``(R, D)``. Not finite where it has diverged.
        after: Likewise once adapted.
        attributes: Attributes of the rows by name, ``R`` texts each; empty where a row has none.
    """

    row: np.ndarray
    target: np.ndarray
    before: np.ndarray
    after: np.ndarray
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


class About(Message):
    """What a message says of the array: its widths, and which texts the numbers of each attribute stand for."""

    widths: list[Count] = Field(min_length=2, max_length=2)
    attributes: list[Text] = Field(default_factory=list)
    values: list[Text] = Field(default_factory=list)
    counts: list[Count] = Field(default_factory=list)


def to_message(found: Predictions, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays and plain values by name; ``name`` is that of the table of clients."""
    texts, codes = [], []
    for values in found.attributes.values():
        known, numbers = np.unique(np.asarray(values, dtype=np.str_), return_inverse=True)
        texts.append([str(text)[:LONGEST_TEXT] for text in known])
        codes.append(numbers)
    columns = (found.row, found.target, found.before, found.after, *codes)
    about: dict[str, Any] = {"widths": [found.target.shape[1], found.before.shape[1]]}
    if found.attributes:
        about["attributes"] = [each[:LONGEST_TEXT] for each in found.attributes]
        about["values"] = [text for own in texts for text in own]
        about["counts"] = [len(own) for own in texts]
    array = np.column_stack([np.asarray(column, np.float64) for column in columns])
    return {f"{name}/{PREDICTIONS}": array}, {f"{name}/{PREDICTIONS}/{key}": value for key, value in about.items()}


def from_message(
    arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], name: str, count: int
) -> Predictions | None:
    """Read what ``to_message`` wrote; None where a message has none.

    Args:
        arrays: The message's arrays.
        values: Its plain values.
        name: That of the table of clients.
        count: How many rows the clients are evaluated on, in all.

    Raises:
        BadAnswer: The array or a value has another form.
    """
    array = arrays.get(f"{name}/{PREDICTIONS}")
    if array is None:
        return None
    found = {key: values.get(f"{name}/{PREDICTIONS}/{key}") for key in About.model_fields}
    about = parsed(About, {key: value for key, value in found.items() if value is not None})
    targets, outputs = about.widths
    width = 1 + targets + 2 * outputs + len(about.attributes)
    if not (1 <= targets <= MOST_WIDTH and 1 <= outputs <= MOST_WIDTH):
        raise BadAnswer(f"{name} has predictions of widths {about.widths}")
    if array.dtype != np.float64 or array.shape != (count, width):
        raise BadAnswer(f"{name} has predictions {array.dtype} {array.shape}, expected float64 {(count, width)}")
    ends = np.cumsum([1, targets, outputs, outputs])
    row, target, before, after, codes = np.split(array, ends, axis=1)
    if not (np.isfinite(row).all() and (row == np.trunc(row)).all() and (row >= 0).all() and (row < MOST_ROWS).all()):
        raise BadAnswer(f"{name} has predictions for rows whose numbers are not whole, or not in 0…{MOST_ROWS}")
    if not (np.abs(target) <= LARGEST).all():
        raise BadAnswer(f"{name} has predictions for targets that are not finite")
    before, after = (np.where(np.abs(each) > LARGEST, np.inf, each) for each in (before, after))
    return Predictions(row[:, 0].astype(np.int64), target, before, after, _attributes(about, codes, name))


def _attributes(about: About, codes: np.ndarray, name: str) -> dict[str, list[str]]:
    if len(about.counts) != len(about.attributes) or sum(about.counts) != len(about.values):
        raise BadAnswer(f"{name} has values of attributes that do not add up")
    if len(set(about.attributes)) < len(about.attributes):
        raise BadAnswer(f"{name} has an attribute twice: {str(about.attributes)[:LONGEST_TEXT]}")
    found, first = {}, 0
    for attribute, count, own in zip(about.attributes, about.counts, codes.T, strict=True):
        texts = about.values[first : first + count]
        if not (np.isin(own, np.arange(count))).all():
            raise BadAnswer(f"{name} has a value of the attribute {attribute!r} that it does not list")
        found[attribute] = [texts[int(code)] for code in own]
        first += count
    return found
