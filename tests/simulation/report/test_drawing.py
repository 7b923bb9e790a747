"""Figures are drawn alike everywhere, and each mark says what it is."""

import os
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from xml.etree import ElementTree

import pytest

from simulation.records.runs import read_run
from simulation.report.command import main
from simulation.report.drawing.files import shown, svg, write
from simulation.report.drawing.plot import Axis, Box, Figure, Line, Panel, Points, Text
from simulation.report.drawing.svg import elements, hover_texts
from simulation.report.figures import FIGURES, OfRun
from simulation.report.figures.base import one_run
from tests.metafed.fairness.hand_made import make
from tests.simulation.command.running import command

AT_HOME = """
text.usetex: True
font.size: 40
lines.linewidth: 9
savefig.bbox: tight
savefig.dpi: 20
svg.fonttype: path
figure.facecolor: red
path.sketch: 9, 9, 9
"""
NAME = "costs $5 or $6 <b>\x07 客户"


@pytest.fixture
def run(tmp_path):
    return make(tmp_path / "run")


@pytest.fixture
def figure():
    marks = [
        Line((0, 1), (0, 1), "after", says=NAME),
        Points((0, 0.5, 9), (0, 0.5, 9), "harm", "cross", says=("a", "", "c")),
        Box((0, 1), (0, 1), "before", 0.5, "a box", NAME),
        Text(0, 0, NAME, "ink"),
    ]
    axis = Axis(0, 1, ((0, NAME), (1, "1")), NAME, grid=True)
    return Figure("some", NAME, NAME, "", [Panel(NAME, NAME, ((NAME, "ink"),), axis, axis, marks, "")] * 2, (), ())


def test_matplotlibs_settings_at_home_change_nothing(run, tmp_path):
    (tmp_path / "matplotlibrc").write_text(AT_HOME)
    home = {**os.environ, "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "MPLBACKEND": "tkagg"}
    assert main([str(run), "--out", str(run / "usual.html")]) == 0
    done = command(run, "--out", run / "other.html", module="simulation.report", env=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run / "other.html").read_bytes() == (run / "usual.html").read_bytes()


def test_the_settings_of_who_calls_are_kept(figure, tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"text.usetex": True, "font.size": 40}):
        before = dict(mpl.rcParams)
        write(figure, tmp_path / "one.png")
        assert dict(mpl.rcParams) == before
    write(figure, tmp_path / "other.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_what_a_mark_says_is_its_title(run):
    known = one_run(read_run(run))
    for figure in [entry.of(known) for entry in FIGURES if isinstance(entry, OfRun)]:
        _, panels = elements(figure)
        for panel, drawn in zip(figure.panels, panels, strict=True):
            says = [text for mark in panel.marks for text in hover_texts(mark) if text]
            assert Counter(map(unescape, re.findall(r"<title>(.*?)</title>", drawn))) == Counter(says)


def test_the_title_is_that_of_its_own_point(figure):
    root = ElementTree.fromstring(f"<svg>{elements(figure)[1][0]}</svg>")
    titles = [use.findtext("title") for use in root.iter("use")]
    assert titles == ["a", None, "c"]
    across = [float(use.get("x")) for use in root.iter("use")]
    assert across == sorted(across), "and what lies beyond the axes is at their edge"


def test_strange_names_are_words(figure, recwarn):
    root = ElementTree.fromstring(svg(figure, *elements(figure)))
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count(NAME.replace("\x07", "�")) >= 2 * 6
    assert not recwarn.list


def test_a_page_has_no_colour_and_no_address_of_its_own(figure):
    drawn = "".join(shown(figure)["panels"])
    ids = re.findall(r'\bid="([^"]*)"', drawn)
    assert len(ids) == len(set(ids)) == 2
    assert not re.search(r"#[0-9a-f]{6}|http|style=\"(?!max-width)|xlink", drawn)


def test_places_are_those_of_the_data(figure):
    root = ElementTree.fromstring(f"<svg>{elements(figure)[1][0]}</svg>")
    cross = root.find("defs/path").get("d")
    ends = [float(number) for number in re.findall(r"-?[\d.]+", cross)]
    assert min(ends) == -max(ends) == -3.0
    line = next(path for path in root.iter("path") if path.get("class") == "s-after")
    x0, y0, x1, y1 = (float(number) for number in re.findall(r"[\d.]+", line.get("d")))
    first, _, last = root.iter("use")
    assert (x0, y0, x1, y1) == pytest.approx([float(use.get(at)) for use in (first, last) for at in "xy"])
    assert x1 > x0
    assert y1 < y0


def test_words_stand_alone_where_none_are_before_them(figure):
    panels = [replace(panel, name="", words=(("", "ink"), ("after", "after"))) for panel in figure.panels]
    drawn = elements(replace(figure, panels=panels))[1][0]
    assert '<text class="measure"' in drawn
    assert ">after</" in drawn
