"""Tables in text, read line by line: every complaint names the file and the line."""

import csv
import io
from collections.abc import Iterator, Sequence

from metafed.core.errors import DataError
from metafed.data.files.originals import Original


def rows(file: Original, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line's number (from 1) and the values of ``columns`` of each row of a CSV file with a header.

    Raises:
        DataError: A column is missing, or a row has not as many fields as the header.
    """
    reader = csv.reader(io.StringIO(file.text(), newline=""))
    try:
        header = next(reader, [])
        missing = [name for name in columns if name not in header]
        if missing:
            raise DataError(f"{file.where}, line 1: columns {missing} are missing; it has {header}")
        wanted = [header.index(name) for name in columns]
        for fields in reader:
            if len(fields) != len(header):
                raise DataError(f"{file.where}, line {reader.line_num}: {len(fields)} fields, expected {len(header)}")
            yield reader.line_num, [fields[column] for column in wanted]
    except csv.Error as error:
        raise DataError(f"{file.where}, line {reader.line_num}: {error}") from error


def numbers(file: Original, line: int, fields: Sequence[str]) -> list[float]:
    """Return fields as finite numbers.

    Raises:
        DataError: One is none.
    """
    found = []
    for field in fields:
        try:
            value = float(field)
        except ValueError:
            raise DataError(f"{file.where}, line {line}: {field!r} is no number") from None
        if not abs(value) < float("inf"):
            raise DataError(f"{file.where}, line {line}: {field!r} is not finite")
        found.append(value)
    return found
