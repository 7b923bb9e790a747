"""Coverage and alarms: every interval that a summary shows is looked at, and both commands print their tables."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from benchmarks import alarms, coverage, covered
from metafed.core.streams import stream
from metafed.fairness.summary import summarize
from tests.metafed.fairness.frames import client, frame

SEEN_AS = {
    "before": "mean", "after": "mean", "curve": "mean", "area": "area", "gain": "gain",
    "gain_by_step": "gain of the first step", "harmed": "share", "harm_depth": "depth of harm",
    "data_poverty": "rank correlation", "score": "mean",
}  # fmt: skip
"""By key of ``summary.json``: which quantity of the benchmark its interval is of; others have their own name."""


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(covered, "POPULATION", 2000)
    monkeypatch.setattr(covered, "OF_AS_MANY", 50)
    covered.everyone.cache_clear()
    yield
    covered.everyone.cache_clear()


def intervals(block: object, key: str = "") -> Iterator[str]:
    """Yield the names of all numbers that have an interval."""
    if isinstance(block, dict):
        if block.get("low") is not None and "method" in block:
            yield key
        for name, inner in block.items():
            # groups have names of their own
            yield from intervals(inner, "" if key == "groups" else name)
    elif isinstance(block, list):
        for inner in block:
            yield from intervals(inner, key)


def test_every_interval_of_a_summary_is_looked_at():
    rng = stream(0, "tests/coverage")
    people = [
        client(i, np.sort(rng.beta(4, 3, 3)).tolist()[:: 1 if i % 8 else -1], n=10 + i % 7, group="ab"[i % 2], query=50)
        for i in range(220)
    ]
    found = set(intervals(summarize(frame(*people), 0)))
    assert {"after", "worst10", "std", "harmed", "harm_depth", "area", "data_poverty"} <= found
    assert {SEEN_AS.get(name, name) for name in found} <= set(covered.QUANTITIES)


@pytest.mark.parametrize("name", covered.QUANTITIES)
def test_a_quantity_has_a_truth_and_an_interval(name, few):
    quantity = covered.QUANTITIES[name]
    population = quantity.populations[0]
    assert np.isfinite(quantity.truth(population, 100))
    found = quantity.interval(population, 100, stream(0, "tests/coverage"))
    assert found.low is None or found.low <= found.value <= found.high


def test_the_table_says_on_which_side_an_interval_misses(few, capsys):
    asked = coverage.Arguments(("share", "std"), clients=(30,), draws=20, workers=1, format="markdown")
    assert coverage.main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("| number | draws | n = 30 |") + 3] == "| std | 20 | – |"
    assert lines[lines.index("| number | draws | n = 30 |") + 2].startswith("| share | 20 | ")
    line = next(line for line in lines if line.startswith("| one in ten |"))
    assert "(+" in line
    assert all(line.endswith("| – |") for line in lines if line.startswith(("| accuracy", "| skill")))


def test_processes_change_no_number(few):
    tasks = [coverage.Task("mean", name, 30, 5) for name in covered.QUANTITIES["mean"].populations[:2]]
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(coverage.cell, tasks)) == [coverage.cell(task) for task in tasks]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([coverage.Cell(1.0, 2.0, 1.0, False), None, coverage.Cell(3.0, 2.5, 1.0, False)], "94.5–97.0"),
        ([coverage.Cell(0.0, 0.5, 1.0, True)], "bounds 99.5"),
        ([None, None], "–"),
    ],
)
def test_the_last_table_has_the_least_and_the_most(cells, words):
    assert coverage.span(cells) == words


def test_an_unknown_quantity_ends_with_2(capsys):
    assert coverage.main(coverage.Arguments(("shares",))) == 2
    assert "unknown quantity 'shares' (known: mean, " in capsys.readouterr().out


@pytest.mark.parametrize("measure", ["equal_opportunity", "equalized_odds"])
def test_rows_that_are_served_alike_seldom_have_an_interval_above_zero(measure):
    quantity = covered.QUANTITIES[f"attribute, {measure}"]
    lows = [quantity.interval("alike", 40, stream(draw, "tests/alike")).low for draw in range(60)]
    assert sum(low == 0 for low in lows) >= 55


def test_clean_panels_raise_no_alarm_and_planted_ones_the_right_one(capsys):
    assert alarms.main(alarms.Arguments(panels=1, clients=(60,), lower=0.4, format="markdown")) == 0
    assert "Any alarm in 0.00 % of all 6 clean panels" in capsys.readouterr().out
    assert alarms.raised(0, 90, 0.4, 0) == {("score", "group", "blue")}
