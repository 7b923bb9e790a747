"""The generator of assets: the filter is exact, features look back only, and acting is worth what it is worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import trading
from metafed.core.episodes import draw, halves
from metafed.core.streams import stream
from metafed.data.sets.crypto_prices import prices
from metafed.data.source import Origin
from metafed.families import assets, markets

ORIGIN = Origin(0, ())


def test_the_filter_agrees_with_a_sum_over_all_paths_of_regimes():
    asset, rng = markets.Asset.random(np.random.default_rng(1)), np.random.default_rng(2)
    days = asset.live(6, rng)
    above = prices.gap(days.returns)

    def density(day, k):
        before, gap = (days.returns[day - 1], above[day - 1]) if day else (0.0, 0.0)
        mean = asset.drift[k] + asset.echo[k] * before - asset.pull[k] * gap
        z = (days.returns[day] - mean) / asset.volatility[k]
        w = (days.span[day] - np.log(asset.volatility[k]) - 0.43) / 0.29
        return np.exp(-(z**2 + w**2) / 2) / asset.volatility[k]

    chance = np.zeros(3)
    for path in np.ndindex(*[3] * 7):
        weight = 1 / 3
        for day in range(6):
            weight *= density(day, path[day]) * asset.change[path[day], path[day + 1]]
        chance[path[6]] += weight
    found = asset.foresee(days)
    np.testing.assert_allclose(found.chance[-1], chance / chance.sum(), rtol=1e-10)
    mean = asset.drift + asset.echo * days.returns[-1] - asset.pull * above[-1]
    np.testing.assert_allclose(found.mean[-1], mean, rtol=1e-12)


def test_moments_are_those_of_the_mixture():
    rng = np.random.default_rng(0)
    tomorrow = markets.Tomorrow(np.array([[0.5, 0.3, 0.2]]), np.array([[0.0, 0.4, -0.8]]), np.array([[0.1, 0.5, 1.2]]))
    mean, variance = tomorrow.moments()
    k = rng.choice(3, 400_000, p=tomorrow.chance[0])
    returns = tomorrow.mean[0, k] + tomorrow.deviation[0, k] * rng.standard_normal(len(k))
    span = np.log(tomorrow.deviation[0, k]) + 0.43 + 0.29 * rng.standard_normal(len(k))
    np.testing.assert_allclose(mean[0], [returns.mean(), span.mean()], atol=0.01)
    np.testing.assert_allclose(variance[0], [returns.var(), span.var()], rtol=0.02)


def test_the_truth_reaches_the_ceiling():
    made, squares, ceilings = assets.Generated(ORIGIN), [], []
    for client in range(150):
        own, days = made.examples(client), made.days(client)
        mean, _ = made.asset(client).foresee(days).moments()
        best = prices.standard(days)(mean[prices.row_days(len(days.span))])
        squares.extend(np.square(own.y - best).mean(1))
        ceilings.extend(own.oracle_score)
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - np.mean(ceilings)) < 4 * error
    assert error < 0.01 * np.mean(ceilings)


def test_a_rival_with_plenty_of_days_comes_near_and_not_above():
    from sklearn.ensemble import ExtraTreesRegressor

    asset = assets.Generated(ORIGIN).asset(3)
    days = asset.live(24_000, np.random.default_rng(0))
    x, y = prices.features(days), prices.targets(days)
    _, variance = asset.foresee(days).moments()
    best = (variance[prices.row_days(24_000)] / prices.standard(days).unit ** 2).mean(1)
    half = len(x) // 2
    rival = ExtraTreesRegressor(60, min_samples_leaf=15, max_features=None, random_state=0).fit(x[:half], y[:half])
    squares = np.square(rival.predict(x[half:]) - y[half:]).mean(1)
    constant = np.square(y[half:] - y[half:].mean(0)).mean()
    score, possible = 1 - squares.mean() / constant, 1 - best[half:].mean() / constant
    error = 4 * (squares - best[half:]).std() / np.sqrt(half) / constant
    assert possible - 0.06 < score < possible + error
    assert 0.3 < possible < 0.7


def test_features_and_units_of_a_day_do_not_depend_on_later_days():
    days = assets.Generated(ORIGIN).days(5)
    cut = prices.Days(days.returns[:100].copy(), days.span[:100].copy())
    x, short = prices.features(days), prices.features(cut)
    np.testing.assert_array_equal(x[: len(short)], short)
    for here, there in zip(prices.standard(days), prices.standard(cut), strict=True):
        np.testing.assert_array_equal(here[: len(there)], there)
    # and the target is of the very next day
    row = prices.row_days(len(days.span))[7]
    unit = prices.standard(days).unit[7, 0]
    np.testing.assert_allclose(prices.targets(days)[7, 0], days.returns[row + 1] / unit, rtol=1e-12)


@given(st.floats(0.1, 10))
def test_an_asset_that_moves_twice_as_much_looks_the_same(factor):
    days = assets.Generated(ORIGIN).days(2)
    scaled = prices.Days(days.returns * factor, days.span + np.log(factor))
    np.testing.assert_allclose(prices.features(scaled), prices.features(days), atol=1e-9)
    np.testing.assert_allclose(prices.targets(scaled), prices.targets(days), atol=1e-9)


def test_gap_and_means_have_their_closed_forms():
    np.testing.assert_allclose(prices.ewma(np.array([1.0, 2.0, 4.0]), 2.0), [1.0, 1.5, 2.75])
    returns = np.array([0.5, -0.2, 0.1])
    price = returns.cumsum()
    mean = np.array([0.05, 0.9 * 0.05 + 0.03, 0.9 * (0.9 * 0.05 + 0.03) + 0.04])
    np.testing.assert_allclose(prices.gap(returns), price - mean)


def test_half_of_the_assets_rebound_and_groups_are_of_the_pace():
    made = assets.Generated(ORIGIN)
    echoes = np.array([made.asset(client).echo[0] for client in range(200)])
    assert 0.4 < (echoes < 0).mean() < 0.6
    for client in range(30):
        restless = made.asset(client).stay < assets.RESTLESS
        assert made.examples(client).group == ("restless" if restless else "steady")


class TestActing:
    def test_a_position_is_long_flat_or_short_and_pays_for_its_changes(self):
        realised = np.array([1.0, 2.0, -1.0, 0.5])
        position = np.array([1.0, 1.0, -1.0, 0.0])
        np.testing.assert_allclose(trading.profits(position, realised, 0.1), [0.9, 2.0, 0.8, -0.1])
        forecast = np.array([0.3, 0.11, -0.2, 0.09])
        own = trading.acting(forecast, realised, 0.1)
        assert own.rule == pytest.approx(trading.sharpe(np.array([0.9, 2.0, 0.8, -0.1])))
        assert own.hold == pytest.approx(trading.sharpe(np.array([0.9, 2.0, -1.0, 0.5])))

    def test_a_sharpe_ratio_is_mean_over_deviation_for_a_year(self):
        assert trading.sharpe(np.array([1.0, 3.0])) == pytest.approx(2 / np.sqrt(2) * np.sqrt(365))
        assert trading.sharpe(np.zeros(9)) == 0.0
        assert trading.sharpe(np.ones(1)) == 0.0

    def test_who_never_acts_earns_and_risks_nothing(self):
        assert trading.acting(np.full(20, 0.01), np.random.default_rng(0).standard_normal(20)).rule == 0.0

    def test_the_truth_earns_more_than_holding_and_noise_does_not(self):
        made, gains, noise = assets.Generated(ORIGIN), [], []
        for client in range(40):
            own, days = made.examples(client), made.days(client)
            mean, _ = made.asset(client).foresee(days).moments()
            best = prices.standard(days)(mean[prices.row_days(len(days.span))])
            _, evaluation = halves(own, assets.ASSETS.shots, stream(0, "halves", client))
            query = draw(own, evaluation, assets.ASSETS.shots, 150, stream(0, "evaluation", client)).query
            value = trading.acting(best[query, 0], own.y[query, 0])
            gains.append(value.rule - value.hold)
            blind = trading.acting(np.random.default_rng(client).standard_normal(len(query)), own.y[query, 0], 0.0)
            noise.append(blind.rule)
        assert np.mean(gains) > 4 * np.std(gains) / np.sqrt(40)
        assert abs(np.mean(noise)) < 3 * np.std(noise) / np.sqrt(40)
