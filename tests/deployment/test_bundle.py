"""The app that a deployment submits, from a checkout and from an installed copy."""

import shutil
import tomllib
import zipfile
from io import BytesIO

import pytest
from flwr.cli.build import build_fab_from_disk

from simulation import HOME, ROOMS
from simulation.cli.errors import BadInput
from simulation.deployment import bundle
from simulation.deployment.bundle import INSTALLED, app, project


@pytest.fixture
def packages(tmp_path):
    """Our packages as they are installed: beside those of others."""
    home = tmp_path / "site-packages"
    for room in ROOMS:
        shutil.copytree(HOME / room, home / room, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "pyproject.toml").write_text('[project]\nname = "somebody-elses"\n')
    (home / "private.json").write_text("{}")
    return home


def test_a_checkout_submits_itself(tmp_path):
    assert app(tmp_path / "app") == HOME
    assert project()[0] == (HOME / "pyproject.toml").read_text()


def test_an_installed_copy_submits_its_packages_and_nothing_beside_them(packages, tmp_path, monkeypatch):
    wheel = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert [f"extra_metadata/{name}" for name in wheel["extra-metadata"].values()] == [INSTALLED]
    text = (HOME / "pyproject.toml").read_text()
    monkeypatch.setattr(bundle, "_installed", lambda: text)
    sent = zipfile.ZipFile(BytesIO(build_fab_from_disk(app(tmp_path / "app", packages))))
    names = {name for name in sent.namelist() if not name.startswith(".info")}
    assert {"pyproject.toml", "server/app.py", "client/app.py", "metafed/devices/default.toml"} < names
    assert {name.partition("/")[0] for name in names} == {"pyproject.toml", *ROOMS}
    ours = zipfile.ZipFile(BytesIO(build_fab_from_disk(HOME)))
    assert all(sent.read(name) == ours.read(name) for name in names)


def test_without_the_projects_settings_it_says_why(packages, monkeypatch):
    monkeypatch.setattr(bundle, "_installed", lambda: "")
    with pytest.raises(BadInput, match="install metafed by pip, or run from a checkout"):
        project(packages)
