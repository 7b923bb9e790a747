"""Pages in a browser: what is on them is drawn, fits, can be read and reached, with and without scripts."""

import shlex
from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe

from simulation.cli.flags import parse
from simulation.report.findings import command
from tests.cases import some

NAMES = ("run", "strange", "partial", "several", "seeds")
FIGURES = {"distribution", "groups", "adaptation", "gain-by-size", "lorenz", "attributes", "learning", "losses"}
MARKS = """panels => panels.map(panel => {
  const sizes = [...panel.querySelectorAll('path:not(.grid):not(.base), use')].map(mark => mark.getBBox());
  const box = panel.getBoundingClientRect();
  const marks = sizes.filter(one => one.width + one.height > 1).length;
  return [panel.getAttribute('aria-label'), box.width, box.height, marks];
})"""
WORDS = """panels => panels.flatMap(panel => {
  const whole = panel.viewBox.baseVal, words = [...panel.querySelectorAll('text')].map(text => [text, text.getBBox()]);
  const named = panel.getAttribute('aria-label').slice(0, 30) + ': ';
  const out = words.filter(([_, box]) => box.x < whole.x - 2 || box.x + box.width > whole.x + whole.width + 2)
    .map(([text]) => named + text.textContent.slice(0, 40) + ' leaves its panel');
  const fixed = words.filter(([text]) => !text.matches('.label'));
  for (let i = 0; i < fixed.length; i++) for (let j = i + 1; j < fixed.length; j++) {
    const [a, p] = fixed[i], [b, q] = fixed[j];
    const wide = Math.min(p.x + p.width, q.x + q.width) - Math.max(p.x, q.x);
    const high = Math.min(p.y + p.height, q.y + q.height) - Math.max(p.y, q.y);
    if (wide > 0.5 && high > 4) out.push(`${named}${a.textContent.slice(0, 40)} lies on ${b.textContent.slice(0, 40)}`);
  }
  return out;
})"""
SMALLEST = """panels => Math.min(...panels.flatMap(panel => {
  const scale = panel.getBoundingClientRect().width / panel.viewBox.baseVal.width;
  return [...panel.querySelectorAll('text')].map(text => scale * parseFloat(getComputedStyle(text).fontSize));
}))"""


@pytest.mark.parametrize("name", some(NAMES, "run", "seeds"))
@pytest.mark.parametrize("width", [390, 1200])
def test_every_panel_is_drawn_and_nothing_overflows(opened, name, width):
    with opened(name, width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        panels = page.locator("svg.panel")
        drawn = panels.evaluate_all(MARKS)
        assert len(drawn) >= 2
        assert [panel for panel in drawn if panel[1] < 200 or panel[2] < 60 or panel[3] == 0] == []
        assert panels.evaluate_all(WORDS) == []
        assert panels.evaluate_all(SMALLEST) >= 9.4, "pixels: too small on a phone"


CUT = """all => all.map(wide => [
  wide.getAttribute('aria-label'), wide.scrollWidth > wide.clientWidth,
  getComputedStyle(wide.querySelector('caption span'), '::after').opacity,
])"""


@pytest.mark.parametrize("width", [390, 1200])
def test_a_table_that_is_cut_says_that_it_scrolls_and_no_other_does(opened, width):
    with opened("seeds", width) as page:
        tables = page.locator(".wide").evaluate_all(CUT)
        assert any(cut for _, cut, _ in tables) == (width == 390)
        assert [table for table in tables if table[1] != (table[2] == "1")] == []


def test_the_command_of_a_page_can_be_typed(opened):
    with opened("run") as page:
        words = shlex.split(page.locator("pre.command").first.inner_text())
    assert words[:3] == ["python", "-m", "simulation.run"]
    experiment = parse(words[3:]).experiment
    assert (experiment.clients, experiment.inject_bias) == (40, "b:0.5:labels=0.5:of=rows")


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (["/a/simulation/run.py", "--out", "a b"], "python -m simulation.run --out 'a b'"),
        (["/a/simulation/sweep.py", "--width", "8,16"], "python -m simulation.sweep --width 8,16"),
        (["/a/simulation/__main__.py", "run"], "python -m simulation run"),
        (["/a/bin/metafed", "run"], "metafed run"),
        (["study.py", "1"], "python study.py 1"),
        (["/a/ipykernel_launcher.py", "-f", "kernel.json"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_commands_are_as_a_person_types_them(argv, typed):
    assert command(argv) == typed


def faults(page, **options):
    """Return what axe-core complains of; words in figures it cannot judge, see test_colours."""
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    found = Axe().run(
        page, context={"exclude": [["svg.panel > *"]]}, options={"resultTypes": ["violations"], **options}
    )
    return {fault["id"]: (fault["impact"], fault["nodes"]) for fault in found.response["violations"]}


@pytest.mark.parametrize("name", some(["run", "strange", "several", "seeds"], "run", "seeds"))
def test_axe_finds_no_serious_fault(opened, name):
    with opened(name) as page:
        found = faults(page)
        grave = {key: nodes for key, (impact, nodes) in found.items() if impact in ("serious", "critical")}
        assert grave == {}
        page.emulate_media(color_scheme="dark")
        assert faults(page, runOnly=["color-contrast"]) == {}
        page.set_viewport_size({"width": 400, "height": 900})
        assert faults(page, runOnly=["scrollable-region-focusable", "target-size"]) == {}


def test_axe_would_find_a_fault(opened):
    with opened("partial") as page:
        page.locator("h1").evaluate("title => { title.style.color = '#ccc'; }")
        assert faults(page)["color-contrast"][0] == "serious"


@pytest.mark.parametrize("name", NAMES)
def test_headings_landmarks_and_tables_are_in_order(opened, name):
    with opened(name) as page:
        levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => +one.tagName[1])")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
        for role in ("banner", "navigation", "main", "contentinfo"):
            assert page.get_by_role(role).count() == 1
        assert page.locator("table:not(:has(caption))").count() == 0
        assert page.locator("svg.panel:not([aria-label])").count() == 0
        aims = page.locator("nav a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
        assert aims
        assert [aim for aim in aims if page.locator(aim).count() != 1] == []


def test_a_run_has_all_figures_with_findings(opened):
    with opened("run") as page:
        assert set(page.locator("figure").evaluate_all("all => all.map(one => one.id)")) == FIGURES
        for text in page.locator("figure > .finding").all_inner_texts():
            assert len(text) > 20
        assert "gaming_pc" in page.locator("#groups").inner_text() or "headset" in page.locator("#groups").inner_text()
        assert page.locator(".people > li").count() >= 3


def test_the_keyboard_reaches_everything_and_shows_where_it_is(opened):
    with opened("run") as page:
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        assert skip.evaluate("link => link === document.activeElement && link.getBoundingClientRect().left >= 0")
        reachable = page.locator("a[href]:visible, summary:visible, [tabindex='0']:visible").count()
        outlined = 0
        for _ in range(reachable):
            outlined += page.evaluate("getComputedStyle(document.activeElement).outlineStyle === 'solid'")
            page.keyboard.press("Tab")
        assert outlined == reachable
        skip.focus()
        page.keyboard.press("Enter")
        assert page.url.endswith("#content")


def test_all_is_there_without_scripts(opened):
    snapshots = []
    for scripts in (True, False):
        with opened("run", java_script_enabled=scripts) as page:
            snapshots.append(page.locator("body").aria_snapshot())
    assert snapshots[0] == snapshots[1]
    assert "gain" in snapshots[0]


def test_figures_follow_the_readers_scheme_and_paper_is_light(opened):
    def colours(page):
        names = page.locator("svg.panel .name").first.evaluate("text => getComputedStyle(text).fill")
        return names, page.evaluate("getComputedStyle(document.body).backgroundColor")

    with opened("run", scheme="light") as page:
        light = colours(page)
    with opened("run", scheme="dark") as page:
        dark = colours(page)
        page.emulate_media(media="print")
        printed = colours(page)
        assert not page.get_by_role("navigation").is_visible()
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert printed == light


def test_names_and_reasons_of_clients_are_text(opened):
    with opened("strange") as page:
        text = page.locator("body").inner_text()
        assert text.count("<script>alert(2)</script>&amp;") >= 3  # a group, a reason, a note
        assert page.locator("img, script").count() == 0


def test_a_partial_run_says_so_first(opened):
    with opened("partial") as page:
        note = page.get_by_role("note")
        assert "This report is partial" in note.inner_text()
        assert "interrupted" in note.inner_text()
        assert note.bounding_box()["y"] < page.locator("figure").first.bounding_box()["y"]
    with opened("run") as page:
        assert page.get_by_role("note").count() == 0
