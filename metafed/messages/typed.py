"""What all values of messages have in common: they have the type that is expected, are bounded, and are finite."""

import math
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from metafed.algorithms.base import MOST_STEPS
from metafed.core.digits import LARGEST

LONGEST_TEXT = 300
"""Characters kept of a reason or a name."""
MOST_ROWS = 2**31 - 1
"""Rows that a client can have: the columns of the record are of 32 bits."""
LONGEST_HEADER = 1000
"""Bytes of the header of an array: type, order and shape."""

Text = Annotated[str, AfterValidator(lambda text: text[:LONGEST_TEXT])]
Count = Annotated[int, Field(ge=0, le=2**53)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Rows = Annotated[int, Field(ge=0, le=MOST_ROWS)]
Step = Annotated[int, Field(ge=0, le=MOST_STEPS)]


class BadAnswer(ValueError):
    """An answer that cannot be used; the message says why."""


class Message(BaseModel):
    """Values of a message."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def parsed(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return the values of a message as a model.

    Raises:
        BadAnswer: They are no such values; the first that is wrong is named.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise BadAnswer(f"unreadable answer: {name} = {str(first['input'])[:80]}: {first['msg']}") from None


def bytes_of(array: np.ndarray) -> bytes:
    """Return an array of numbers in NumPy's format: the bytes that ``numpy.save`` writes.

    NumPy makes the header's text anew each time, which takes longer than to copy a small network's numbers.
    """
    by_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    return _header(array.dtype.str, array.shape, by_columns) + array.tobytes("F" if by_columns else "C")


def array_of(data: bytes) -> np.ndarray:
    """Return the array of numbers that NumPy's format holds; no more memory is taken than ``data`` takes.

    Raises:
        BadAnswer: It holds no numbers, or its header states another size.
    """
    try:
        width = {b"\x01\x00": 2, b"\x02\x00": 4}[data[6:8]]
        size = int.from_bytes(data[8 : 8 + width], "little")
        if size > LONGEST_HEADER:
            raise ValueError(f"a header of {size} bytes; at most {LONGEST_HEADER} are read")
        start = 8 + width + size
        shape, by_columns, dtype = _read_header(data[:start])
    except Exception as error:  # the header is text that NumPy has Python parse: many kinds of errors come out
        raise BadAnswer(f"unreadable array: {str(error)[:LONGEST_TEXT]}") from None
    if dtype.kind not in "fiu" or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise BadAnswer(f"an array of type {dtype} and shape {shape} in {len(data) - start} bytes")
    flat = np.frombuffer(data, dtype, offset=start).copy()
    return flat.reshape(shape, order="F" if by_columns else "C")


@lru_cache(1024)
def _header(dtype: str, shape: tuple[int, ...], by_columns: bool) -> bytes:
    stream = BytesIO()
    npy.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": by_columns, "shape": shape})
    return stream.getvalue()


@lru_cache(1024)
def _read_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and type; the headers of successive rounds are the same."""
    stream = BytesIO(header)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
    shape, by_columns, dtype = read(stream, max_header_size=LONGEST_HEADER)
    return shape, by_columns, dtype
