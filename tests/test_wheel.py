"""What `python -m build` makes: everything is in the wheel, and it works in an environment that has nothing of ours."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("metafed", "client", "server", "simulation")
RUN = "run --engine local --clients 4 --rounds 1 --eval-every 0 --width 8 --out first"

pytestmark = pytest.mark.slow


def called(*words, cwd, env=None):
    """Return what a program prints, and its errors; it must succeed."""
    done = subprocess.run([*map(str, words)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the source distribution, as publishers do."""
    folder = tmp_path_factory.mktemp("dist")
    called(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    assert len(list(folder.glob("*.tar.gz"))) == 1
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment with the wheel in it; the packages that it needs are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    called(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / "bin"
    called(programs / "pip", "install", "--quiet", "--no-deps", wheel, cwd=folder)
    place = called(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # a folder that a .pth names comes after the environment's own, and .pth files in it are not read
    Path(place.strip(), "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


@pytest.fixture(scope="module")
def outside():
    """The variables of a process that knows nothing of this folder."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def test_the_wheel_has_every_file_of_the_four_rooms_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {Path(name).name for name in archive.namelist() if ".dist-info/" in name}
    files = {path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()}
    assert found == {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert {Path(name).suffix for name in found} >= {".py", ".typed", ".cpp", ".h", ".toml", ".j2", ".css"}
    assert about >= {"METADATA", "entry_points.txt", "LICENSE", "pyproject.toml"}


def test_an_installed_copy_imports_runs_and_reports(installed, outside, tmp_path):
    where = "import metafed as mf, simulation; mf.Experiment(); print(mf.__file__, simulation.__file__)"
    printed = called(installed / "python", "-c", where, cwd=tmp_path, env=outside)
    assert [Path(path).is_relative_to(installed.parent) for path in printed.split()] == [True, True]
    called(installed / "metafed", *RUN.split(), cwd=tmp_path, env=outside)
    (tmp_path / "first" / "report.html").unlink()
    called(installed / "metafed", "report", "first", cwd=tmp_path, env=outside)
    assert "<svg" in (tmp_path / "first" / "report.html").read_text()


@pytest.mark.compiler
def test_an_installed_copy_compiles_its_kernels(installed, outside, tmp_path):
    build = "from metafed.native.library import HERE, build; print(build(HERE / 'affine.cpp'))"
    # what another account compiled on this machine is looked for in the folder of temporary files, too
    fresh = {**outside, "XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    printed = called(installed / "python", "-c", build, cwd=tmp_path, env=fresh)
    assert Path(printed.strip()).is_relative_to(tmp_path)
    assert Path(printed.strip()).stat().st_size > 0


def test_an_installed_copy_does_without_a_compiler(installed, outside, tmp_path):
    printed = called(installed / "metafed", *RUN.split(), cwd=tmp_path, env={**outside, "CXX": "no-such-compiler"})
    assert "there is no C++ compiler here" in printed
    assert 'kernels = "torch"' in (tmp_path / "first" / "config.toml").read_text()
