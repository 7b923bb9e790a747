"""The site of docs/ is built without a warning, needs no network, and its reference has every public name."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import metafed
import simulation

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {f"{package.__name__}.{name}": package for package in (metafed, simulation) for name in package.PUBLIC}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the site, its notebooks without outputs: another test executes them."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    surroundings = {**os.environ, "METAFED_SITE_OUTPUTS": "no"}
    done = subprocess.run(words, cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_public_name_is_on_the_page_of_the_reference(built):
    page = (built / "reference.html").read_text(encoding="utf-8")
    places = set(re.findall(r'id="([^"]+)"', page))
    names = {f"{module}.{name}" for package in (metafed, simulation) for name, module in package.PUBLIC.items()}
    assert len(names) > 90
    assert names - places == set()
    # a setting by its default and its description, not by the call that declares it
    assert "Field(" not in re.sub(r"<[^>]+>", "", page.split('id="metafed.privacy.settings.Privacy"')[1][:20_000])


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(built):
    loaded = re.compile(r"""<(?:script|link|img|iframe)[^>]*\b(?:src|href)=["']?(?:https?:)?//([^"'\s>]+)""")
    pages = list(built.rglob("*.html"))
    assert len(pages) > 60
    assert {(page.name, found) for page in pages for found in loaded.findall(page.read_text("utf-8"))} == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_what_it_is(name):
    found = getattr(PUBLIC[name], name.rpartition(".")[2])
    assert len((inspect.getdoc(found) or "").split()) >= 3
    assert found.__doc__ is not None  # its own, not that of a class above it


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    pages |= {f"notebooks/{path.stem}.md" for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")}
    pages = {page for page in pages if not page.startswith("decisions/0")}
    assert set(re.findall(r"\S+\.md$", text, re.MULTILINE)) == pages


def test_the_citation_has_what_its_readers_need():
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    # required by the schema of the Citation File Format 1.2.0
    assert about["cff-version"] == "1.2.0"
    assert about["message"]
    assert about["title"]
    assert all(author.keys() <= {"name", "family-names", "given-names", "orcid"} for author in about["authors"])
    assert about["authors"]
    assert about["type"] in ("software", "dataset")
    assert about["license"] == "Apache-2.0"
    assert about["version"] == metafed.__version__
