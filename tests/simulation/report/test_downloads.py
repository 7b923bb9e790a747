"""A figure's files, as a reader downloads them from the page: SVG that draws, CSV with the record's numbers."""

import io
from xml.etree import ElementTree

import polars as pl
import pytest
from playwright.sync_api import TimeoutError

from tests.cases import some

SVG = "{http://www.w3.org/2000/svg}"


def pressed(page, link, tries=8):
    """Return what a link downloads; a busy browser swallows a key now and then."""
    for left in reversed(range(tries)):
        try:
            with page.expect_download(timeout=4_000) as download:
                link.press("Enter")
        except TimeoutError:
            if not left:
                raise
        else:
            return download.value
    raise AssertionError("unreachable")


@pytest.fixture
def fetched(opened, tmp_path):
    """Return what presses all links of a page: the files by name."""

    def fetching(name):
        with opened(name, accept_downloads=True) as page:
            for link in page.locator("a[download]").all():
                download = pressed(page, link)
                download.save_as(tmp_path / download.suggested_filename)
        return {path.name: path for path in tmp_path.iterdir()}

    return fetching


@pytest.mark.parametrize("name", some(["run", "strange", "several"], "run"))
def test_every_figure_comes_as_an_svg_that_draws_and_a_csv(fetched, browser, name):
    files = fetched(name)
    suffixes = [path.suffix for path in files.values()]
    assert suffixes.count(".svg") == suffixes.count(".csv") >= 2
    page = browser.new_page()
    for path in files.values():
        if path.suffix == ".csv":
            table = pl.read_csv(path)
            assert table.height > 0
            assert "family" in table.columns
            continue
        root = ElementTree.parse(path).getroot()
        assert root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text
        page.goto(path.as_uri())
        wide = float(root.get("width"))
        ends = page.locator("text").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
        assert 100 < max(ends) <= wide
        paint = "all => all.map(one => getComputedStyle(one)).map(one => [one.stroke, one.fill]).flat()"
        assert len(set(page.locator("path").evaluate_all(paint)) - {"none"}) > 1
    page.close()


def test_a_csv_has_the_numbers_of_the_record(fetched, folder):
    rows = pl.read_parquet(folder / "devices" / "clients.parquet").filter(pl.col("phase") == "evaluate")
    last = rows.filter((pl.col("round") == rows["round"].max()) & ~pl.col("seen"))
    table = pl.read_csv(fetched("run")["distribution.csv"]).sort("client")
    for column, step in (("before", 0), ("after", last["step"].max())):
        scores = last.filter(pl.col("step") == step).sort("client")
        assert table["client"].to_list() == scores["client"].to_list()
        assert table[column].to_list() == scores["score"].to_list(), "to the last bit"


def test_a_formula_in_a_group_is_text_in_a_spreadsheet(tmp_path):
    from simulation.report.command import main
    from tests.metafed.fairness.hand_made import make

    run = make(tmp_path / "run", hostile='=HYPERLINK("evil"),\n"')
    assert main([str(run), "--figure", "distribution", str(tmp_path / "figure.csv")]) == 0
    table = pl.read_csv(io.StringIO((tmp_path / "figure.csv").read_text()))
    assert table.columns == ["family", "client", "group", "before", "after"]
    assert table.filter(pl.col("client") == 12)["group"].item() == '\'=HYPERLINK("evil"),\n"'


@pytest.mark.slow
def test_figures_of_several_runs_are_files_too(pages, folder, tmp_path, capsys):
    from simulation.report.command import main

    for name in ("frontier", "differences"):
        assert main([str(folder / "seeds"), "--figure", name, str(tmp_path / f"{name}.csv")]) == 0
        assert pl.read_csv(tmp_path / f"{name}.csv")["family"].unique().len() == 3  # two and all of them
    assert main([str(folder / "devices"), "--figure", "differences", str(tmp_path / "none.svg")]) == 2
    assert "nothing to compare it with" in capsys.readouterr().err
    assert not (tmp_path / "none.svg").exists()
    assert main([*map(str, (folder / "0", folder / "1")), "--figure", "lorenz", str(tmp_path / "none.svg")]) == 2
    assert "is of one run" in capsys.readouterr().err
