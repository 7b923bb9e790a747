"""A headless Chromium, and the pages that it looks at: of a real run, and of records made by hand."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

from simulation.report.command import main as report
from tests.metafed.fairness.hand_made import make
from tests.needs import browser_program
from tests.simulation.command.running import run
from tests.simulation.studies.records import record, study

QUIET = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
STRANGE = '"><img src=x onerror=alert(1)><script>alert(2)</script>&amp;' + "unbroken" * 30


@pytest.fixture(scope="package")  # not session: an open Playwright is a running event loop to whatever comes later
def browser():
    """Debian's browser: Playwright's own would have to be downloaded."""
    found = browser_program()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """Where the records and their pages are."""
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="package")
def pages(folder):
    """Pages by name: a file each."""
    words = "--clients 40 --rounds 4 --eval-every 2 --engine local --devices.tiers default --quiet"
    words += " --keep-predictions --inject-bias b:0.5:labels=0.5:of=rows"
    simulated = run(folder / "devices", *words.split())
    make(folder / "strange", hostile=STRANGE)
    partial = make(folder / "partial")
    manifest = json.loads((partial / "manifest.json").read_text())
    (partial / "manifest.json").write_text(json.dumps({**manifest, "exit_reason": "interrupted"}))
    (partial / "summary.json").unlink()
    several = [record(folder / f"{number}", shift=0.05 * number, clients=60, algorithm=name) for number, name in
               enumerate(("maml", "fomaml", "reptile"))]  # fmt: skip
    seeds = study(folder / "seeds", references=[("local", -0.1), ("global", 0.05)])
    made = {}
    for name, folders in (
        ("run", [simulated]),
        ("strange", [folder / "strange"]),
        ("partial", [partial]),
        ("several", several),
        ("seeds", [seeds]),
    ):
        made[name] = folder / f"{name}.html"
        assert report([*map(str, folders), "--out", str(made[name])]) == 0
    return made


Opens = Callable[..., "contextmanager[Page]"]


@pytest.fixture
def opened(browser, pages):
    """Return what opens a page, by its name, at a width and in a colour scheme; it fails on errors and on requests."""

    @contextmanager
    def opening(name: str, width: int = 1280, scheme: str = "light", **settings: object) -> Iterator[Page]:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", **settings
        )
        context.set_default_timeout(120_000)
        page, complaints, asked = context.new_page(), [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(pages[name].as_uri())
        if settings.get("java_script_enabled", True):  # keys that come before the first picture are lost
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        yield page
        assert complaints == []
        assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]
        context.close()

    return opening
