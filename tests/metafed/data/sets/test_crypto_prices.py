from datetime import date

import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.data.sets.crypto_prices import prices
from metafed.data.sets.crypto_prices.reader import CUT, CryptoPrices
from metafed.data.source import Origin
from tests.metafed.data.damage import truncated


@pytest.fixture(scope="module")
def made(shared_data):
    return CryptoPrices(Origin(0, (shared_data,)))


def rewritten(made, folder, change):
    change(pl.read_parquet(made.path)).write_parquet(folder / made.path.name)
    return CryptoPrices(Origin(0, (folder,)))


def of(made, symbol):
    kept, _ = made._coins
    return next(client for client, coin in enumerate(kept) if coin.symbol == symbol)


def test_the_known_counts(made):
    assert made.clients == 21
    sizes = [len(made.examples(client).y) for client in range(21)]
    # of T days, those before the warm-up and the last one are no rows
    assert sum(sizes) == 32_717 - 21 * (prices.WARM + 1)
    assert (min(sizes), max(sizes)) == (275 - 31, 2_991 - 31)
    groups = {coin.symbol: made.examples(client).group for client, coin in enumerate(made._coins[0])}
    assert {name for name, group in groups.items() if group == "pegged"} == {"USDT", "USDC"}
    assert set(groups.values()) == {"pegged", "calmer", "wilder"}


def test_days_before_the_cut_train_and_later_ones_evaluate_for_all_alike(made):
    cut = np.datetime64(CUT)
    for client in range(21):
        own, coin = made.examples(client), made._coins[0][client]
        days = coin.date[own.time]
        np.testing.assert_array_equal(own.evaluation, days >= cut)
        assert own.evaluation.sum() == (date(2021, 7, 6) - CUT).days


def test_targets_are_of_the_next_day_in_the_publishers_prices(made):
    client = of(made, "ETH")
    own, coin = made.examples(client), made._coins[0][client]
    table = pl.read_parquet(made.path).filter(pl.col("asset").cast(pl.String) == "ETH")
    row = 400
    tomorrow = int(own.time[row]) + 1
    close, high, low = (table[name].to_numpy().astype(float) for name in ("close", "high", "low"))
    unit, origin = prices.standard(coin.days).unit[row], prices.standard(coin.days).origin[row]
    assert own.y[row, 0] == pytest.approx(np.log(close[tomorrow] / close[tomorrow - 1]) / unit[0], rel=1e-5)
    span = np.log(np.log(high[tomorrow] / low[tomorrow]))
    assert own.y[row, 1] == pytest.approx((span - origin[1]) / unit[1], rel=1e-4)
    assert own.x[row, 0] == pytest.approx(
        prices.SCALE * np.log(close[tomorrow - 1] / close[tomorrow - 2]) / unit[0], rel=1e-4
    )


def test_notes_say_that_assets_move_together_and_what_binds(made):
    text = " ".join(made.notes)
    for part in (
        "2021-01-01",
        "move together",
        "too narrow",
        "3 days follow a missing day",
        "below 0.1%",
        "none stated",
    ):
        assert part in text


def test_assets_with_few_days_are_skipped_by_name(made, tmp_path):
    symbol = pl.col("asset").cast(pl.String)
    cut = rewritten(made, tmp_path, lambda t: t.filter((symbol != "AAVE") | (pl.col("date") > date(2020, 11, 15))))
    assert cut.clients == 20
    assert any("1 assets with fewer than 40 rows before or after 2021-01-01: skipped (AAVE)" in n for n in cut.notes)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.drop("low"), r"columns \['low'\] are missing"),
        (lambda t: t.with_columns(pl.col("date").cast(pl.String)), "column date is String, not a date"),
        (lambda t: t.with_columns(pl.col("close").cast(pl.String)), "are not all numbers"),
        (lambda t: t.with_columns(close=pl.lit(None, pl.Float32)), "rows without a value"),
        (lambda t: t.clear(), "rows without a value"),
        (lambda t: t.reverse(), "are not in order, each once"),
        (lambda t: pl.concat([t.head(1), t]), "are not in order, each once"),
        (lambda t: t.with_columns(high=pl.col("low") * 0.5), "highest price is below the lowest"),
        (lambda t: t.with_columns(low=pl.lit(0.0)), "is not above 0"),
        (lambda t: t.with_columns(close=pl.lit(-1.0)), "is not above 0"),
        (lambda t: t.with_columns(open=pl.lit(float("nan"))), "is not above 0"),
        (lambda t: t.filter(pl.col("date") < CUT), "no asset has 40 rows before and after 2021-01-01"),
    ],
)
def test_a_damaged_file_is_named_with_its_problem(made, tmp_path, change, problem):
    damaged = rewritten(made, tmp_path, change)
    with pytest.raises(DataError, match=problem) as caught:
        _ = damaged.clients
    assert str(tmp_path / made.path.name) in str(caught.value)


def test_a_file_cut_short_is_named(made, tmp_path):
    truncated(made.path, tmp_path / made.path.name)
    with pytest.raises(DataError, match=r"crypto_daily\.parquet is damaged"):
        CryptoPrices(Origin(0, (tmp_path,))).examples(0)
