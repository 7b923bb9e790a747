"""Fairness metrics: hand-computed values, identities, invariances, and the corners where they are undefined."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.fairness import metrics as fairness
from metafed.fairness import studentized
from metafed.fairness.groups import chance_gap, group_gap, group_means
from metafed.fairness.harmed import gain, harmed, tolerance
from metafed.fairness.intervals import (
    bounds,
    mean_interval,
    rank_correlation,
    share_difference_interval,
    share_interval,
    student_interval,
    unskewed,
)
from metafed.fairness.standard_errors import standard_error
from metafed.fairness.studentized import difference_interval, metric_interval

ALL = [
    fairness.mean, fairness.std, fairness.cov, fairness.gini, fairness.entropy,
    fairness.worst10, fairness.best10,
]  # fmt: skip
RATIOS = [fairness.cov, fairness.gini, fairness.entropy]

positive = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=40).map(np.array)
any_values = st.lists(st.floats(-1e300, 1e300), min_size=0, max_size=40).map(lambda v: np.array(v, float))


def test_hand_computed():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert fairness.mean(x) == 2.5
    assert fairness.std(x) == pytest.approx(math.sqrt(1.25))  # ddof 0
    assert fairness.cov(x) == pytest.approx(math.sqrt(1.25) / 2.5)
    # |differences|: 1 three times, 2 twice, 3 once; both orders: 2 (3 + 4 + 3) = 20; 20 / (2 · 16 · 2.5)
    assert fairness.gini(x) == pytest.approx(0.25)
    shares = [0.1, 0.2, 0.3, 0.4]
    assert fairness.entropy(x) == pytest.approx(-sum(p * math.log(p) for p in shares) / math.log(4))


def test_tails_take_the_ceiling():
    x = np.arange(25.0)[::-1]
    assert fairness.worst10(x) == 1.0  # ⌈2.5⌉ = 3 clients: 0, 1, 2
    assert fairness.best10(x) == 23.0
    assert [fairness.tail_size(n) for n in (1, 9, 10, 11, 30, 70, 1000)] == [1, 1, 1, 2, 3, 7, 100]


def test_fewer_than_ten_clients_have_their_extremes_as_tails():
    x = np.array([0.5, 0.2, 0.9])
    assert (fairness.worst10(x), fairness.best10(x)) == (0.2, 0.9)


@pytest.mark.parametrize("n", [2, 7, 50])
def test_one_client_has_all(n):
    x = np.zeros(n)
    x[n // 2] = 3.0
    assert fairness.gini(x) == pytest.approx((n - 1) / n)
    assert fairness.entropy(x) == 0.0


@pytest.mark.parametrize("value", [0.1, 0.7, 1e-300, 1e300])
def test_all_equal(value):
    x = np.full(7, value)
    assert fairness.std(x) == fairness.cov(x) == fairness.gini(x) == 0.0
    assert fairness.entropy(x) == pytest.approx(1.0)
    assert fairness.worst10(x) == fairness.best10(x) == pytest.approx(value)


@pytest.mark.parametrize("metric", RATIOS)
def test_ratio_metrics_say_why_they_are_undefined(metric):
    for x, reason in (([0.0, 0.0], "zero"), ([0.5, -0.1], "negative"), ([], "no clients")):
        assert metric(np.array(x)) is None
        assert reason in metric.undefined(np.array(x))


def test_one_client():
    x = np.array([0.4])
    assert [m(x) for m in (fairness.mean, fairness.worst10, fairness.best10)] == [0.4] * 3
    assert fairness.std(x) == fairness.cov(x) == fairness.gini(x) == 0.0
    assert fairness.entropy(x) is None
    assert fairness.entropy.undefined(x) == "one client"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="diverged"):
        fairness.mean(np.array([0.5, bad]))


@pytest.mark.parametrize("metric", ALL, ids=lambda m: m.__name__)
@given(x=any_values)
def test_never_nan_never_a_warning(metric, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = metric(x)
    assert (value is None) == (metric.undefined(x) is not None)
    assert value is None or math.isfinite(value)


@given(positive, st.floats(0.01, 100))
def test_ratios_are_free_of_scale_and_std_is_not(x, scale):
    for metric in RATIOS:
        assert metric(scale * x) == pytest.approx(metric(x), abs=1e-9)
    for metric in (fairness.mean, fairness.std, fairness.worst10, fairness.best10):
        assert metric(scale * x) == pytest.approx(scale * metric(x), rel=1e-9, abs=1e-9)


@given(positive, st.floats(-10, 10))
def test_translation(x, shift):
    assert fairness.std(x + shift) == pytest.approx(fairness.std(x), abs=1e-7)
    assert fairness.worst10(x + shift) == pytest.approx(fairness.worst10(x) + shift, abs=1e-7)


@given(positive)
def test_order_of_clients_does_not_matter_and_bounds_hold(x):
    for metric in ALL:
        assert metric(x[::-1]) == pytest.approx(metric(x), abs=1e-12, rel=1e-9)
    n = len(x)
    assert 0 <= fairness.gini(x) <= (n - 1) / n + 1e-12
    assert 0 <= fairness.entropy(x) <= 1 + 1e-12
    assert fairness.worst10(x) <= fairness.mean(x) + 1e-9
    # the fractional border client is better than the tail before it, so the ceiling's mean is no smaller
    assert fairness.cvar10(x) <= fairness.worst10(x) + 1e-9


@given(positive)
def test_gini_equals_its_double_sum(x):
    double = np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean())
    assert fairness.gini(x) == pytest.approx(double, abs=1e-9)


def test_groups_worst_first_and_gap():
    x, groups = np.array([0.9, 0.1, 0.7, 0.3]), ["b", "a", "b", "c"]
    assert list(group_means(x, groups).items()) == [("a", 0.1), ("c", 0.3), ("b", pytest.approx(0.8))]
    assert group_gap(x, groups) == pytest.approx(0.7)
    assert group_gap(x, ["a"] * 4) is None
    with pytest.raises(ValueError, match="one group each"):
        group_gap(x, ["a"])


def test_chance_gap_blames_families_not_groups():
    rng = np.random.default_rng(0)
    family = np.array(["easy", "hard"] * 60)
    scores = np.where(family == "easy", 0.9, 0.1) + 0.01 * rng.standard_normal(120)
    by_family = ["x" if name == "easy" else "y" for name in family]
    # groups that only mirror families: the gap is large, and within families chance explains all of it
    gap = group_gap(scores, by_family)
    assert gap > 0.7
    assert chance_gap(scores, by_family, family.tolist(), rng) == pytest.approx(gap)
    # the same labels without strata are far beyond chance
    assert chance_gap(scores, by_family, ["all"] * 120, rng) < 0.3
    assert chance_gap(scores, ["x"] * 120, family.tolist(), rng) is None


def test_harm_needs_more_than_what_few_rows_can_fake():
    before, after = np.array([0.8, 0.8, 1.0, 0.5]), np.array([0.7, 0.2, 0.9, 0.5])
    rows = np.array([10, 10, 10, 10])
    tol = tolerance(before, after, rows, "classification")
    assert tol[0] == pytest.approx(1.96 * math.sqrt(0.75 * 0.25 / 10), abs=1e-4)
    gains = gain(before, after)
    assert harmed(gains, tol).tolist() == [False, True, False, False]
    # with many rows the same falls are real
    many = tolerance(before, after, 100 * rows, "classification")
    assert harmed(gains, many).tolist() == [True, True, True, False]


def test_harm_of_regression_has_no_tolerance_and_zero_gain_is_no_harm():
    before, after = np.array([-3.0, 0.5]), np.array([-3.0, 0.4999])
    tol = tolerance(before, after, np.array([5, 5]), "regression")
    assert tol.tolist() == [0.0, 0.0]
    assert harmed(gain(before, after), tol).tolist() == [False, True]


def test_tolerance_refuses_what_is_no_accuracy():
    one = np.array([0.5])
    with pytest.raises(ValueError, match=r"0…1"):
        tolerance(one, np.array([-0.1]), np.array([10]), "classification")
    with pytest.raises(ValueError, match="empty"):
        tolerance(one, one, np.array([0]), "classification")


def test_student_interval_is_students_t():
    estimate = student_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    half = 2.776445 * math.sqrt(2.5 / 5)  # t_4, 97.5 %
    assert estimate.value == 3.0
    assert (estimate.low, estimate.high) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    assert (estimate.n, estimate.method) == (5, "Student t")


def test_mean_interval_of_values_without_skewness_is_students_t():
    x = np.linspace(-1, 1, 60)
    assert mean_interval(x)[:3] == pytest.approx(student_interval(x)[:3], abs=1e-9)


def test_mean_interval_reaches_farther_on_the_side_of_the_long_tail():
    x = 1 - np.exp(np.random.default_rng(0).normal(-1.5, 1, 100))  # skill: some are far below
    found, t = mean_interval(x, most=1.0), student_interval(x)
    assert found.low < t.low
    assert found.value < found.high < t.high  # halfway to Hall's on the other side
    assert found.value - found.low > found.high - found.value
    bounded = mean_interval(x, -50.0, 1.0)
    assert bounded.low == found.low
    assert bounded.high < found.high  # with a least value, Hall's alone


@given(st.floats(-3, 3), st.floats(-0.4, 0.4))
def test_unskewed_inverts_halls_transformation(t, g):
    y = t + g * t**2 / 3 + g**2 * t**3 / 27 + g / 6
    assert unskewed(y, g) == pytest.approx(t, abs=1e-5)


def test_bounds_of_zeros_and_ones_is_clopper_and_pearsons():
    from scipy.stats import beta

    found = bounds(np.array([1.0] * 8 + [0.0] * 2), 0.0, 1.0)
    assert (found.low, found.high) == pytest.approx((beta.ppf(0.025, 8, 3), beta.ppf(0.975, 9, 2)), abs=0.02)
    assert mean_interval(np.ones(10), 0.0, 1.0).low == pytest.approx(0.025 ** (1 / 10), abs=0.02)


def test_an_interval_depends_on_the_values_alone():
    x = np.random.default_rng(0).beta(6, 2, 100)
    for shuffled in (x[::-1].copy(), np.random.default_rng(1).permutation(x)):
        assert metric_interval(fairness.worst10, x, 0, 1) == metric_interval(fairness.worst10, shuffled, 0, 1)
    assert mean_interval(x[:12], 0, 1)[1:] == mean_interval(x[11::-1], 0, 1)[1:]


@pytest.mark.parametrize(
    ("x", "why"),
    [([], "no clients"), ([0.3], "one client"), ([0.3, 0.2] * 24, "fewer than 50"), ([0.3] * 60, "equal")],
)
def test_mean_without_interval_says_why(x, why):
    estimate = mean_interval(np.array(x))
    assert estimate.low is None
    assert estimate.high is None
    assert why in estimate.method


def test_differences_for_which_no_interval_holds_have_none():
    x = 1 - np.exp(np.random.default_rng(0).normal(-1.5, 1, (2, 100)))
    assert "0074" in difference_interval(fairness.best10, x[0], x[1], most=1.0).method
    x = np.clip(x, 0, 1)
    assert "0074" in difference_interval(fairness.entropy, x[0], x[1], 0.0, 1.0).method
    assert difference_interval(fairness.best10, x[0], x[1], 0.0, 1.0).low is not None


def test_share_interval_is_wilsons():
    # Wilson 1927 at 0 of 10: upper end z² / (n + z²)
    none = share_interval(0, 10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(3.841459 / 13.841459)
    assert share_interval(10, 10).high == 1.0
    half = share_interval(5, 10)
    assert (half.low, half.high) == pytest.approx((0.236593, 0.763407), abs=1e-5)
    assert share_interval(0, 0).value is None


def test_a_difference_of_shares_is_agresti_and_mins():
    one, other = np.zeros(40), np.zeros(40)
    one[:10], other[8:12] = 1.0, 1.0
    found, up, down = share_difference_interval(one, other), 8.5 / 42, 2.5 / 42
    half = 1.959964 * math.sqrt((up + down - (up - down) ** 2) / 42)
    assert found.value == pytest.approx(6 / 40)
    assert (found.low, found.high) == pytest.approx((up - down - half, up - down + half), abs=1e-6)
    assert share_difference_interval(one[:20], other[:20]).low is None


@pytest.mark.parametrize("metric", [*ALL, fairness.cvar10], ids=lambda m: m.__name__)
def test_influences_are_what_one_more_client_changes(metric):
    x = np.random.default_rng(3).beta(6, 2, 300)
    influences = metric.influences(x)
    assert influences.mean() == pytest.approx(0, abs=1e-9)
    if metric is fairness.entropy:  # it is divided by log n, which changes with n
        return
    moved = np.array([metric.rows(np.append(x, value)) - metric.rows(x) for value in x]) * len(x)
    if metric.of_tail:  # ⌈n / 10⌉ jumps
        moved -= moved.mean()
    assert np.corrcoef(moved, influences)[0, 1] > 0.99
    jackknife = np.array([metric.rows(np.delete(x, i)) for i in range(len(x))])
    spread = math.sqrt((len(x) - 1) * jackknife.var())
    assert standard_error(influences) == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize("metric", [fairness.gini, fairness.worst10, fairness.std], ids=lambda m: m.__name__)
def test_the_interval_of_a_metric_is_around_its_value(metric):
    x = np.random.default_rng(1).beta(6, 2, 200)
    found = metric_interval(metric, x, 0.0, 1.0)
    assert found.method == "studentized bootstrap"
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.25


def test_a_paired_difference_is_narrower_than_its_parts():
    x = np.random.default_rng(1).beta(6, 2, 120)
    found = difference_interval(fairness.worst10, x, 0.9 * x, 0.0, 1.0)
    alone = metric_interval(fairness.worst10, x, 0.0, 1.0)
    assert found.value == pytest.approx(0.1 * alone.value)
    assert found.high - found.low < 0.3 * (alone.high - alone.low)
    same = difference_interval(fairness.mean, x, x, 0.0, 1.0)
    assert same.value == 0
    assert same.low < 0 < same.high


def test_only_a_difference_that_may_rest_on_few_clients_is_as_wide_as_the_percentile_interval(monkeypatch):
    asked, own = [], studentized.studentized
    monkeypatch.setattr(studentized, "studentized", lambda *given, **flags: asked.append(flags) or own(*given, **flags))
    x = np.random.default_rng(1).beta(6, 2, 200)
    ends = [own(x[None], lambda r: fairness.std.rows(r[0]), lambda r: fairness.std.influences(r[0]), w) for w in (0, 1)]
    assert ends[1].low < ends[0].low
    assert ends[1].high >= ends[0].high
    assert metric_interval(fairness.std, x, 0.0, 1.0)[:3] == ends[0][:3]
    for metric in (fairness.worst10, fairness.best10):
        difference_interval(metric, x, x**2, 0.0, 1.0)
    own_tail, t = metric_interval(fairness.worst10, x), metric_interval(fairness.worst10, x, 0.0, 1.0)
    wider = (own_tail.value - own_tail.low) / (t.value - t.low)
    assert wider == pytest.approx(2.093 / 1.960, abs=1e-3)  # 20 clients in the tail, and no lowest score
    assert asked.pop()["farther"] == 1
    assert asked.pop()["farther"] == pytest.approx(wider)
    assert [flags.get("widened", False) for flags in asked] == [False, True, False]


@pytest.mark.parametrize(
    ("metric", "x", "least", "why"),
    [
        (fairness.gini, [0.1, 0.2] * 99, 0.0, "fewer than 200"),
        (fairness.std, [0.1, 0.2] * 90, -math.inf, "no lowest value"),
        (fairness.worst10, [0.1, 0.2] * 45, 0.0, "fewer than 10 clients in the tail"),
        (fairness.worst10, [0.1] * 50 + [0.2] * 50, 0.0, "equal"),
        (fairness.worst10, [0.1] * 10 + [0.2] * 90, 0.0, "equal"),
        (fairness.gini, [0.5] * 230, 0.0, "equal"),
        (fairness.best10, np.linspace(0.1, 1.0, 100), 0.0, "the highest score that there can be"),
        (fairness.gini, [-1.0, 1.0] * 100, 0.0, "negative"),
    ],
)
def test_a_metric_without_interval_says_why(metric, x, least, why):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate = metric_interval(metric, np.array(x), least, 1.0)
    assert estimate.low is None
    assert why in estimate.method


@pytest.mark.parametrize("draw", [0, 1, 2])
def test_intervals_hold_as_often_as_they_say(draw):
    # a small cell of ``python -m benchmarks.coverage``: 19 of 20 hold, so 88 of 100 do but once in 300
    x = np.random.default_rng(draw)
    true, held = 1 - math.exp(-1.5 + 0.5), 0
    for _ in range(200):
        found = mean_interval(1 - np.exp(x.normal(-1.5, 1.0, 100)), most=1.0)
        held += found.low <= true <= found.high
    assert held >= 176


def test_rank_correlation_of_gain_with_data():
    n = np.arange(20.0)
    noisy = n + np.random.default_rng(0).normal(0, 4, 20)
    estimate = rank_correlation(n, noisy)
    ranks = noisy.argsort().argsort()
    assert estimate.value == pytest.approx(1 - 6 * ((n - ranks) ** 2).sum() / (20 * 399))
    assert estimate.low < estimate.value < estimate.high < 1
    assert rank_correlation(n, n**3)[:3] == (pytest.approx(1.0), None, None)
    assert rank_correlation(n, np.ones(20)).value is None
