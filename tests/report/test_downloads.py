"""A figure's files, as a reader downloads them from the page: SVG that draws, CSV with the record's numbers."""

import io
from xml.etree import ElementTree

import polars as pl
import pytest

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def fetched(opened, tmp_path):
    """Return what presses all links of a page: the files by name."""

    def fetching(name):
        with opened(name, accept_downloads=True) as page:
            for link in page.locator("a[download]").all():
                with page.expect_download() as download:
                    link.press("Enter")
                download.value.save_as(tmp_path / download.value.suggested_filename)
        return {path.name: path for path in tmp_path.iterdir()}

    return fetching


@pytest.mark.parametrize("name", ["run", "strange", "several"])
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
        strokes = page.locator("path").evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")
        circles = page.locator("circle, rect").count()
        assert circles > 1 or len(set(strokes) - {"none"}) > 1
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
    from simulation.report import main
    from tests.fairness.hand_made import make

    run = make(tmp_path / "run", hostile='=HYPERLINK("evil"),\n"')
    assert main([str(run), "--figure", "distribution", str(tmp_path / "figure.csv")]) == 0
    table = pl.read_csv(io.StringIO((tmp_path / "figure.csv").read_text()))
    assert table.columns == ["family", "client", "group", "before", "after"]
    assert table.filter(pl.col("client") == 12)["group"].item() == '\'=HYPERLINK("evil"),\n"'
