"""Dates and times of a table are features, in seconds."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.core.errors import DataError
from tests.metafed.data.table.test_given import NUMBERS, checked, frame


def test_a_date_is_a_number_of_seconds_whatever_its_resolution_and_zone():
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    made = []
    for zone, unit in (("Asia/Tokyo", "ms"), ("UTC", "us"), ("America/Lima", "ns")):
        moments = pl.Series([start + dt.timedelta(days=n % 7, hours=n) for n in range(120)])
        columns = frame(age=moments.cast(pl.Datetime(unit)).dt.replace_time_zone("UTC").dt.convert_time_zone(zone))
        made.append(checked(mf.Family.from_frame("games", columns, **NUMBERS)))
        assert "age standardised" in " ".join(made[-1].sources[0].notes)
    one, *others = (each.population.split(0).own.x for each in made)
    assert all(np.array_equal(one, other) for other in others)
    days = frame(age=[dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(120)])
    stated = {**NUMBERS, "features": {"age": [1704067200, 86400]}}
    (split, *_) = (checked(mf.Family.from_frame("games", days, **stated)).population.split(c) for c in range(1))
    assert set(split.own.x.ravel()) <= set(range(120))
    gone = frame(age=[None, *days["age"][1:]])
    with pytest.raises(DataError, match="column 'age' has no finite number in 1 of 120 rows"):
        checked(mf.Family.from_frame("games", gone, **NUMBERS))
    assert checked(mf.Family.from_frame("games", gone, **NUMBERS, missing="mean"))
