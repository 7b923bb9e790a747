"""How a user's columns become features: numbers standardised, categories as indicators, texts hashed.

What is fitted (means, units, values of categories) is fitted on meta-training rows of seen clients alone: neither an
evaluation row nor an unseen client has a say in it.
"""

import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from metafed.core.errors import DataError
from metafed.data.sequence import TOKENS, tokens
from metafed.data.table.description import Feature
from metafed.models import Inputs

MOST_VALUES = 64
"""Values of a category that get an indicator each; a category with more is hashed."""
BUCKETS = 64
"""Indicators of a hashed category."""
HASHES = 512
"""Features of a text: its hashed words and pairs of words."""
LARGE = 10.0
"""Distance from the mean from which on a number that hardly varies is not taken as it is."""
MISSING = "(missing)"
"""What an empty cell of a category counts as."""
OTHER = "any other"


@dataclass(frozen=True)
class Column(ABC):
    """One column of the table.

    Attributes:
        name: Its name.
    """

    name: str

    @property
    @abstractmethod
    def width(self) -> int:
        """How many features it makes."""

    @property
    @abstractmethod
    def about(self) -> str:
        """What becomes of it, in a few words."""

    @property
    def sequence(self) -> Inputs | None:
        """What its rows are as sequences; None where they are none."""
        return None

    @abstractmethod
    def encode(self, values: Any) -> np.ndarray:
        """Return features ``(n, width)``.

        Args:
            values: Numbers ``(n,)`` or ``(n, width)`` with NaN for nothing, or ``n`` texts with None for nothing.
        """

    def moments(self, values: Any) -> np.ndarray:
        """Return the rows as the sequences that ``sequence`` describes, ``(n, *shape)``."""
        raise NotImplementedError(f"{type(self).__name__} has no sequences")


@final
@dataclass(frozen=True)
class Number(Column):
    """Numbers: minus ``mean``, over ``unit``, ``(width,)`` each; what is missing is taken for the mean."""

    mean: tuple[float, ...]
    unit: tuple[float, ...]
    plain: bool = False
    """Whether they are numbers of an embedding, which stay as they are."""

    @property
    def width(self) -> int:
        """Numbers a row."""
        return len(self.mean)

    @property
    def about(self) -> str:
        """That it is standardised."""
        way = "as it is" if self.plain else "standardised"
        return f"{self.name} {way}" + (f" ({self.width} numbers)" if self.width > 1 else "")

    def encode(self, values: Any) -> np.ndarray:
        """Return standardised numbers."""
        scaled = (np.asarray(values, np.float64).reshape(-1, self.width) - self.mean) / np.array(self.unit)
        return np.where(np.isnan(scaled), 0.0, scaled)


@final
@dataclass(frozen=True)
class Category(Column):
    """One indicator for each of ``values``, and one for any other."""

    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """One indicator a value, and one for any other."""
        return len(self.values) + 1

    @property
    def about(self) -> str:
        """That it is one-hot."""
        return f"{self.name} one-hot ({len(self.values)} values, {OTHER})"

    def encode(self, values: Any) -> np.ndarray:
        """Return one indicator a row."""
        place = {value: index for index, value in enumerate(self.values)}
        return np.eye(self.width)[[place.get(filled(value), len(place)) for value in values]]


@final
@dataclass(frozen=True)
class Hashed(Column):
    """``BUCKETS`` indicators, of which each value has one; several may share one."""

    @property
    def width(self) -> int:
        """The number of buckets."""
        return BUCKETS

    @property
    def about(self) -> str:
        """That it is hashed."""
        return f"{self.name} hashed to {BUCKETS} indicators"

    def encode(self, values: Any) -> np.ndarray:
        """Return one indicator a row."""
        return np.eye(BUCKETS)[[zlib.crc32(filled(value).encode()) % BUCKETS for value in values]]


@final
@dataclass(frozen=True)
class Text(Column):
    """Words and pairs of words, hashed; of length √``HASHES``, so that a feature has about unit variance."""

    @property
    def width(self) -> int:
        """The number of hashes."""
        return HASHES

    @property
    def about(self) -> str:
        """That it is hashed."""
        return f"{self.name} as {HASHES} hashed words and pairs of words"

    def encode(self, values: Any) -> np.ndarray:
        """Return hashed texts."""
        from sklearn.feature_extraction.text import HashingVectorizer

        hashed = HashingVectorizer(n_features=HASHES, ngram_range=(1, 2), norm="l2")
        return np.asarray(np.sqrt(HASHES) * hashed.transform([value or "" for value in values]).toarray())

    @property
    def sequence(self) -> Inputs:
        """The last words, hashed."""
        return TOKENS

    def moments(self, values: Any) -> np.ndarray:
        """Return ids of words."""
        return tokens([value or "" for value in values])


@final
@dataclass(frozen=True)
class Steps(Column):
    """A sequence: minus ``mean``, over ``unit``, ``(numbers,)`` each, padded by 0 to ``steps``; then its length."""

    mean: tuple[float, ...]
    unit: tuple[float, ...]
    steps: int

    @property
    def width(self) -> int:
        """Numbers of all steps, and the length."""
        return self.steps * len(self.mean) + 1

    @property
    def about(self) -> str:
        """That it is padded."""
        return (
            f"{self.name} standardised ({self.steps} steps of {len(self.mean)} numbers, shorter ones padded by 0, and"
            " then the length)"
        )

    def encode(self, values: Any) -> np.ndarray:
        """Return padded sequences and lengths, of values as ``metafed.data.table.sequences`` makes them."""
        whole = np.asarray(values, np.float64)
        steps = (whole[:, :-1].reshape(len(whole), self.steps, -1) - self.mean) / np.array(self.unit)
        padded = np.where(np.isnan(steps), 0.0, steps).reshape(len(whole), -1)
        return np.concatenate([padded, whole[:, -1:]], axis=1)

    @property
    def sequence(self) -> Inputs:
        """The steps, and which of them are real."""
        return Inputs("sequence", (self.steps, len(self.mean) + 1), masked=True)

    def moments(self, values: Any) -> np.ndarray:
        """Return standardised steps, the padding first."""
        flat = self.encode(values)
        place = np.arange(self.steps) - (self.steps - flat[:, -1:].astype(np.int64))
        there = (place >= 0)[..., None]
        steps = flat[:, :-1].reshape(len(flat), self.steps, -1)
        own = np.take_along_axis(steps, place.clip(0)[..., None], 1)
        return np.concatenate([np.where(there, own, 0.0), there], axis=2)


@final
@dataclass(frozen=True)
class Characters(Column):
    """The last ``steps`` characters of a text, one-hot over ``values`` and any other; a short text is padded by 0."""

    values: tuple[str, ...]
    steps: int

    @property
    def width(self) -> int:
        """Indicators of all characters."""
        return self.steps * (len(self.values) + 1)

    @property
    def about(self) -> str:
        """That they are one-hot."""
        return f"{self.name} as its last {self.steps} characters, one-hot ({len(self.values)} values, {OTHER})"

    def encode(self, values: Any) -> np.ndarray:
        """Return one indicator a character."""
        place = {value: number for number, value in enumerate(self.values)}
        made = np.zeros((len(values), self.steps, len(place) + 1))
        for row, text in enumerate(values):
            for step, character in enumerate((text or "")[-self.steps :]):
                made[row, step, place.get(character, len(place))] = 1.0
        return made.reshape(len(values), -1)

    @property
    def sequence(self) -> Inputs:
        """An id a character, one for any other, and 0 for padding."""
        return Inputs("sequence", (self.steps,), vocabulary=len(self.values) + 2)

    def moments(self, values: Any) -> np.ndarray:
        """Return ids of characters, the padding first."""
        indicators = self.encode(values).reshape(len(values), self.steps, -1)
        found = np.where(indicators.any(2), indicators.argmax(2) + 1, 0)
        # a short text begins with its first character; a sequence ends with its last
        return np.take_along_axis(found, np.argsort(found != 0, axis=1, kind="stable"), 1)


def filled(value: str | None) -> str:
    """Return a category's value, ``MISSING`` for none."""
    return MISSING if value is None else value


def fitted_number(name: str, rows: Iterable[np.ndarray], signal: bool) -> Number:
    """Fit mean and standard deviation to ``rows``, arrays ``(n,)`` or ``(n, width)``; missing numbers are left out.

    A number that does not vary gets the unit 1. A signal, such as an image, has one mean and one unit for all of it.

    Raises:
        DataError: They are so large that they have neither, beyond 1e300.
    """
    whole = np.concatenate([np.asarray(part, np.float64).reshape(len(part), -1) for part in rows])
    width = whole.shape[1]
    if signal:
        whole = whole.reshape(-1, 1)
    known = np.isfinite(whole)
    count = np.maximum(known.sum(0), 1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mean = np.where(known, whole, 0.0).sum(0) / count
        away = np.where(known, whole - mean, 0.0)
        spread = np.sqrt((away**2).sum(0) / count)
    if not (np.isfinite(mean).all() and np.isfinite(away).all()):
        raise DataError(
            f"column {name!r} has numbers as large as {np.abs(np.where(known, whole, 0.0)).max():.1e}, of which no mean"
            " can be computed; divide them, or leave them out"
        )
    # squares leave the range of float64 beyond 1e154 and below 1e-162: such numbers are divided by the largest first
    largest = np.abs(away).max(0, initial=0.0)
    extreme = ~np.isfinite(spread) | ((spread == 0) & (largest > 0))
    if extreme.any():
        scale = np.where(extreme, np.maximum(largest, np.finfo(np.float64).tiny), 1.0)
        spread = np.where(extreme, scale * np.sqrt(((away / scale) ** 2).sum(0) / count), spread)
    # what varies by rounding alone does not vary, in whatever unit; of huge numbers even that is not to be large
    tiny = np.where(spread > 1e-14 * np.abs(mean), spread, np.abs(mean))
    unit = np.where(spread > 1e-9 * np.abs(mean), spread, np.where(largest > LARGE, tiny, 1.0))
    means, units = (tuple(np.broadcast_to(numbers, width).tolist()) for numbers in (mean, unit))
    return Number(name, means, units)


def fitted_steps(name: str, rows: Sequence[np.ndarray], steps: int) -> Steps:
    """Fit mean and unit of a step's numbers; rows are as ``metafed.data.table.sequences`` makes them."""
    numbers = (rows[0].shape[1] - 1) // steps
    made = fitted_number(name, [part[:, :-1].reshape(-1, numbers) for part in rows], signal=False)
    return Steps(name, made.mean, made.unit, steps)


def fitted_characters(name: str, rows: Sequence[Sequence[str | None]]) -> Characters:
    """Fit characters, and the length of the longest text, to ``rows``."""
    texts = [text or "" for part in rows for text in part]
    return Characters(name, tuple(sorted(set("".join(texts)))), max(1, *map(len, texts)))


def fitted_category(name: str, rows: Iterable[Sequence[str | None]]) -> Column:
    """Fit a category to ``rows``: an indicator for each value, or hashed if there are more than ``MOST_VALUES``."""
    counts = Counter(filled(value) for part in rows for value in part)
    return Category(name, tuple(sorted(counts))) if len(counts) <= MOST_VALUES else Hashed(name)


def stated(feature: Feature) -> Column | None:
    """Return the column of a feature of which nothing has to be fitted, None for another."""
    if feature.cell == "text":
        return Text(feature.name)
    if feature.values is not None:
        return Category(feature.name, feature.values)
    if feature.hashed:
        return Hashed(feature.name)
    if feature.scale is not None:
        mean, unit = feature.scale
        return Number(feature.name, (mean,) * feature.width, (unit,) * feature.width)
    return None
