"""Daily prices from the widely copied tables ``coin_NAME.csv``, which were taken from CoinMarketCap.

Columns SNo, Name, Symbol, Date, High, Low, Open, Close, Volume, Marketcap; dates as 2013-04-29 23:59:59. Copies
that went through a spreadsheet have other dates or numbers with moved separators: those are refused.
"""

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from metafed.core.errors import DataError
from metafed.data.files.originals import Original, originals
from metafed.data.table.lines import numbers, rows

if TYPE_CHECKING:
    import polars as pl

PRICES = ("Open", "High", "Low", "Close", "Volume", "Marketcap")


def read(path: Path) -> "pl.DataFrame":
    """Read all tables into the columns of ``crypto_daily.parquet``, sorted by asset and date.

    Raises:
        DataError: There is no table, a line is damaged, or a day occurs twice.
    """
    import polars as pl

    with originals(path) as found:
        table = [row for file, _ in found.matching(r"coin_.+\.csv") for row in _rows(file)]
    if not table:
        raise DataError(f"{path} has no table coin_NAME.csv")
    label, real = pl.Categorical, pl.Float32
    schema = {"asset": label, "name": label, "date": pl.Date} | {name.lower(): real for name in PRICES}
    frame = pl.DataFrame(table, schema, orient="row", strict=False).sort(pl.col("asset").cast(pl.String), "date")
    twice = frame.filter(frame.select("asset", "date").is_duplicated())
    if twice.height:
        raise DataError(f"{path}: asset {twice['asset'][0]} has {twice['date'][0]} twice")
    return frame


def _rows(file: Original) -> list[tuple[str | date | float, ...]]:
    found: list[tuple[str | date | float, ...]] = []
    for line, (name, symbol, day, *prices) in rows(file, ("Name", "Symbol", "Date", *PRICES)):
        try:
            when = date.fromisoformat(day[:10] if re.match(r"\d{4}-\d{2}-\d{2}(?:[ T]|$)", day) else "")
        except ValueError:
            raise DataError(
                f"{file.where}, line {line}: date {day!r} is not of the form 2013-04-29 23:59:59. A spreadsheet may"
                " have changed the table: take it from another copy, or out of the folder"
            ) from None
        values = numbers(file, line, prices)
        if min(values) < 0 or min(values[:4]) <= 0:
            raise DataError(f"{file.where}, line {line}: a price is not above 0, or a volume below 0")
        if not name or not symbol:
            raise DataError(f"{file.where}, line {line}: name or symbol is empty")
        found.append((symbol, name, when, *values))
    return found
