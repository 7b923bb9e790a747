"""Differences between rows of attributes equal a straight-line computation; small cells and chance are said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metafed.core.streams import stream
from metafed.fairness.attributes import (
    FEWEST,
    MEASURES,
    by_chance,
    counted,
    differences,
    over_all,
    why_none,
)

NAMES = ("f", "m", "x")


def drawn(seed, values, classes, rows, skew=0.0):
    """Rows of an attribute whose predictions are right more rarely the larger its value is."""
    rng = stream(seed, "tests/attributes")
    attribute, target = rng.integers(values, size=rows), rng.integers(classes, size=rows)
    wrong = rng.random(rows) < 0.2 + skew * attribute
    return attribute, target, np.where(wrong, rng.integers(classes, size=rows), target)


def straight(attribute, target, prediction, values, positive):
    """Return fairlearn's differences by their definitions, row by row, of one positive class; None for 0 of 0."""

    def share(rows):
        rows = list(rows)
        return sum(rows) / len(rows) if rows else None

    triples = list(zip(attribute.tolist(), target.tolist(), prediction.tolist(), strict=True))
    there = sorted({a for a, _, _ in triples})
    of = {
        "selected": [share(p == positive for a, _, p in triples if a == value) for value in there],
        "true": [share(p == positive for a, t, p in triples if a == value and t == positive) for value in there],
        "false": [share(p == positive for a, t, p in triples if a == value and t != positive) for value in there],
        "accuracy": [share(p == t for a, t, p in triples if a == value) for value in there],
    }
    spread = {n: None if None in each or len(each) < 2 else max(each) - min(each) for n, each in of.items()}
    odds = None if None in (spread["true"], spread["false"]) else max(spread["true"], spread["false"])
    return dict(zip(MEASURES, (spread["selected"], spread["true"], odds, spread["accuracy"]), strict=True))


@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(2, 4), st.integers(0, 60))
def test_differences_are_those_of_a_straight_line(seed, values, classes, rows):
    attribute, target, prediction = drawn(seed, values, classes, rows)
    found = differences(counted(attribute, target, prediction, values, classes), 1)
    each = [straight(attribute, target, prediction, values, k) for k in ((1,) if classes == 2 else range(classes))]
    for measure in MEASURES:
        known = [one[measure] for one in each if one[measure] is not None]
        if known:
            assert found[measure] == pytest.approx(max(known), abs=1e-15), measure
        else:
            assert np.isnan(found[measure]), measure


def test_by_hand():
    #              f: target 0 → 3 of 4 right; target 1 → 1 of 2      m: 2 of 2 and 4 of 4
    counts = np.array([[[3, 1], [1, 1]], [[2, 0], [0, 4]]])
    found = {name: float(value) for name, value in differences(counts, 1).items()}
    assert found == pytest.approx(
        {"demographic_parity": 4 / 6 - 2 / 6, "equal_opportunity": 0.5, "equalized_odds": 0.5, "accuracy": 1 - 4 / 6}
    )


def test_many_tables_at_once_are_each_alone():
    tables = np.stack([counted(*drawn(seed, 3, 3, 90), 3, 3) for seed in range(5)])
    for measure, values in differences(tables).items():
        np.testing.assert_array_equal(values, [differences(table)[measure] for table in tables])


@pytest.mark.parametrize(
    ("counts", "measure", "why"),
    [
        ([[[30, 5], [5, 30]], [[2, 1], [1, 2]]], "demographic_parity", "6 rows of 'm'; 10 are needed"),
        ([[[30, 5], [5, 30]], [[30, 5], [1, 3]]], "equal_opportunity", "4 rows of 'm' of class 1; 10 are needed"),
        ([[[30, 5], [5, 30]], [[4, 5], [9, 30]]], "equalized_odds", "9 rows of 'm' of class 0; 10 are needed"),
        ([[[30, 5], [5, 30]], [[0, 0], [0, 0]]], "accuracy", "fewer than two values have rows"),
        ([[[30, 5], [5, 30]], [[30, 5], [5, 30]]], "accuracy", ""),
    ],
)
def test_small_cells_say_so_in_place_of_a_number(counts, measure, why):
    counts = np.array(counts)
    assert why_none(counts, measure, NAMES) == why
    assert np.isnan(differences(counts)[measure]) == bool(why)
    whole = over_all(counts[None], NAMES, {}, stream(0, "tests/attributes"))[measure]
    assert (whole.value is None) == bool(why)
    assert whole.why == (why or f"no interval: 1 clients; {FEWEST} are needed")


def people(seed, clients, skew, rows=40):
    return np.stack([counted(*drawn(1000 * seed + client, 2, 2, rows, skew), 2, 2) for client in range(clients)])


def measured(seed, clients, skew):
    counts, rng = people(seed, clients, skew), stream(seed, "tests/attributes/measured")
    chance, _, most = by_chance(counts, rng)
    return over_all(counts, NAMES, chance, rng, most)


def test_what_is_there_is_found_and_what_is_not_is_not():
    planted, *clean = measured(1, 40, 0.4), *(measured(seed, 40, 0.0) for seed in (1, 2, 3))
    assert planted["accuracy"].found
    assert planted["equal_opportunity"].found
    # by chance something is found in 2 of 100 panels at most
    assert sum(any(each.found for each in panel.values()) for panel in clean) <= 1
    for each in (*planted.values(), *clean[0].values()):
        assert 0 <= each.low <= each.high


def test_intervals_hold_about_as_often_as_they_say():
    """Half of the wrong predictions are right by chance: 0.2 of the rows of m are served worse than those of f."""
    rng, hits = stream(0, "tests/attributes/intervals"), 0
    for seed in range(100, 140):
        found = over_all(people(seed, 40, 0.4), NAMES, {}, rng)["accuracy"]
        hits += found.low < 0.2 < found.high
    assert hits >= 34  # of 40; fewer have a chance of 3 in 1,000 where 95 of 100 hold


def test_an_interval_is_wider_where_whole_clients_are_unfair():
    """Rows of one client go together: half of the clients, all their rows unfair, is less certain than all by half."""
    alike = people(2, 60, 0.2)
    torn = np.concatenate([people(3, 30, 0.4), people(4, 30, 0.0)])
    rng = stream(0, "tests/attributes")
    widths = [(each := over_all(counts, NAMES, {}, rng)["accuracy"]).high - each.low for counts in (alike, torn)]
    assert widths[1] > 1.1 * widths[0]


def test_of_an_attribute_of_whole_clients_clients_are_shuffled():
    """Clients of m alone or of f alone: a difference that two of them make is one that chance makes."""
    counts = np.zeros((8, 2, 2, 2), np.int64)
    for client in range(8):
        right = 20 if client in (0, 3) else 10
        counts[client, client % 2] = [[right, 20 - right], [20 - right, right]]
    chance, means, most = by_chance(counts, stream(0, "tests/attributes"))
    assert most["accuracy"] >= chance["accuracy"] >= differences(counts.sum(0))["accuracy"]
    assert means == {}


def test_who_the_clients_are_is_in_what_chance_makes():
    """Within a client predictions do not depend on the attribute; over all rows they do, and no shuffle ends that."""
    often, rarely = np.array([[[40, 40], [0, 0]], [[10, 10], [0, 0]]]), np.array([[[18, 2], [0, 0]], [[72, 8], [0, 0]]])
    counts = np.stack([often, rarely] * 20)
    assert differences(often)["demographic_parity"] == differences(rarely)["demographic_parity"] == 0
    rng = stream(0, "tests/attributes")
    chance, _, most = by_chance(counts, rng)
    whole = over_all(counts, NAMES, chance, rng, most)["demographic_parity"]
    assert whole.value == pytest.approx(42 / 100 - 18 / 100)
    assert whole.low > 0.1
    assert not whole.found
