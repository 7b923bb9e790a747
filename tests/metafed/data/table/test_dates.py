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


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y"])
def test_texts_that_are_dates_are_what_they_are_in_a_csv_file(form, tmp_path):
    days = [dt.datetime(2024, 1, 1, 5, 6, 7) + dt.timedelta(days=n % 50) for n in range(120)]
    texts = frame(age=[day.strftime(form) for day in days[:-1]] + [None])
    texts.write_csv(tmp_path / "games.csv")
    read = pl.read_csv(tmp_path / "games.csv", try_parse_dates=True)
    assert read["age"].dtype.is_temporal()
    one, other = (checked(mf.Family.from_frame("games", each, **NUMBERS, missing="mean")) for each in (texts, read))
    assert "age standardised" in " ".join(one.sources[0].notes)
    for client in range(4):
        assert np.array_equal(one.population.split(client).own.x, other.population.split(client).own.x)


def test_texts_of_which_one_is_no_date_stay_texts():
    texts = frame(age=["2024-01-02"] * 119 + ["soon"])
    assert "age one-hot" in " ".join(checked(mf.Family.from_frame("games", texts, **NUMBERS)).sources[0].notes)
    said = {**NUMBERS, "features": {"age": "category"}}
    dates = frame(age=["2024-01-02", "2024-01-03"] * 60)
    assert "age one-hot" in " ".join(checked(mf.Family.from_frame("games", dates, **said)).sources[0].notes)


def test_a_time_that_is_written_as_text_orders_the_rows():
    texts = frame(when=[f"2024-01-{1 + n % 28:02d}" for n in range(120)])
    own = checked(mf.Family.from_frame("games", texts, **NUMBERS, time="when")).population.split(0).own
    assert own.time is not None
    assert np.ptp(own.time) % 86400 == 0
