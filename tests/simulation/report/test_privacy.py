"""Who pays for privacy: the figure of several runs that differ in ε, beside those without."""

import json

import polars as pl
import pytest

from simulation.cli.errors import BadInput
from simulation.report.comparison import several_runs
from simulation.report.drawing.plot import Line, Points
from simulation.report.figures.noise import privacy
from simulation.report.pages import write_comparison
from simulation.report.single import write_figure
from tests.simulation.studies.records import record, study


def private(folder, spent, shift, model="central", noise=None, **settings):
    """Write a run of differential privacy that has spent ε in its last round."""
    made = record(
        folder, shift=shift, dp_noise=noise or 10 / spent, dp_clip=1.0, dp_model=model, sampling="poisson", **settings
    )
    lines = [{"round": number, "epsilon": cost} for number, cost in enumerate([None, spent / 2, spent])]
    (made / "rounds.jsonl").write_text("".join(json.dumps({**LINE, **line}) + "\n" for line in lines))
    return made


LINE = {
    "clients": 0,
    "failed": [],
    "families": {},
    "loss": None,
    "score": None,
    "worst10": None,
    "seconds": 1.0,
    "bytes_up": 0,
    "bytes_down": 0,
}


@pytest.fixture
def runs(tmp_path):
    return [
        record(tmp_path / "plain"),
        private(tmp_path / "eight", 8.0, -0.05),
        private(tmp_path / "two", 2.0, -0.2),
        private(tmp_path / "own", 16.0, -0.3, model="local"),
    ]


def test_the_numbers_are_those_of_the_runs_at_what_they_have_spent(runs, tmp_path):
    write_figure(runs, "privacy", tmp_path / "figure.csv")
    table = pl.read_csv(tmp_path / "figure.csv")
    whole = table.filter(pl.col("family") == "all", pl.col("of") == "after").sort("value", descending=True)
    assert whole["ε"].to_list() == [None, 8.0, 2.0, 16.0]
    assert whole["model"].to_list() == ["none", "central", "central", "local"]
    plain, eight, two, own = whole["value"]
    assert [plain - value for value in (eight, two, own)] == pytest.approx([0.05, 0.2, 0.3])
    assert set(table["of"]) == {"after", "worst10", "harmed"}
    assert set(table["family"]) == {"all", "assistant", "avatar"}


def test_the_axis_is_epsilon_and_the_least_is_said(runs):
    figure = privacy(several_runs(runs)[0])
    first = figure.panels[0]
    assert first.x.log
    assert "at ε 2 and" in figure.finding
    places = sorted(x for mark in first.marks if isinstance(mark, Points) for x in mark.x)
    assert places == sorted([2.0, 8.0, 16.0] * 3)
    edges = [mark for mark in first.marks if isinstance(mark, Line) and mark.dash]
    assert len(edges) == 3  # the run without privacy
    assert {mark.shape for mark in first.marks if isinstance(mark, Points)} == {"dot", "ring", "cross"}


def test_the_page_has_it_only_where_runs_differ_in_epsilon(runs, tmp_path):
    page = write_comparison(runs, tmp_path / "all.html").read_text(encoding="utf-8")
    assert 'href="#privacy"' in page
    assert "Who pays for privacy" in page
    other = write_comparison(runs[:2], tmp_path / "one.html").read_text(encoding="utf-8")
    assert "Who pays for privacy" not in other
    with pytest.raises(BadInput, match="no two runs with differential privacy that differ in ε"):
        write_figure(runs[:2], "privacy", tmp_path / "none.svg")


def test_of_several_seeds_the_most_expensive_is_drawn(tmp_path):
    for name, costs in (("a", (3.0, 5.0)), ("b", (1.0, 2.0))):
        study(tmp_path / name, seeds=0)
        for seed, spent in enumerate(costs):
            private(tmp_path / name / f"seed-{seed}", spent, -0.1, seed=seed, noise=2.0 if name == "a" else 3.0)
    figure = privacy(several_runs([tmp_path / "a", tmp_path / "b"])[0])
    assert {row[3] for row in figure.rows} == {5.0, 2.0}
