"""``flwr run .`` runs the same apps on Flower's own runtime, and ends with the same θ."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
from safetensors.numpy import load_file

from tests.simulation.command.running import clients, manifest, run

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {"clients": 10, "cohort": 6, "rounds": 2, "chunk": 4, "eval-every": 2}
OWN = {"network": "avatar=tests.integration.own_modules:Gru", "network.hidden": 3}
DEVICES = {"devices.tiers": "default", "devices.deadline": 0.15, "devices.late": "shorten", "sampling": "data"}

SURROUNDINGS = {"FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1", "FLWR_DISABLE_UPDATE_CHECK": "1"}
"""Flower would install all that this environment has anew into one of its own."""


@pytest.fixture
def flower_home(tmp_path):
    """A Flower home of its own; the SuperLink that ``flwr run`` starts there is stopped afterwards."""
    home = tmp_path / "flower"
    yield home
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("FLWR_HOME") == str(home):
                process.kill()


def test_flwr_run(flower_home, tmp_path):
    out = tmp_path / "flower-run"
    bin_folder = Path(sys.executable).parent
    settings = " ".join(f"{key}={value}" for key, value in SETTINGS.items())
    settings += f' network="{OWN["network"]}" network-settings.settings="hidden = 3"'
    settings += ' devices.tiers="default" devices.deadline=0.15 devices.late="shorten" sampling.name="data"'
    done = subprocess.run(
        [bin_folder / "flwr", "run", ".", "--stream", "--run-config", f'{settings} out="{out}"'],
        cwd=ROOT,
        env={
            **os.environ,
            **SURROUNDINGS,
            "FLWR_HOME": str(flower_home),
            "METAFED_SHARE_CLIENT_ROWS": "true",
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert manifest(out)["exit_reason"] == "done", done.stdout + done.stderr
    flags = [word for key, value in {**SETTINGS, **DEVICES, **OWN}.items() for word in (f"--{key}", value)]
    local = run(tmp_path / "local", *flags, "--engine", "local")
    name = "checkpoints/round-00000002.safetensors"
    ours, theirs = load_file(local / name), load_file(out / name)
    assert set(ours) == set(theirs)
    for part, vector in ours.items():
        np.testing.assert_allclose(vector, theirs[part], rtol=0, atol=1e-5)
    assert clients(local).columns == clients(out).columns
    assert clients(local).sort("phase", "round", "client", "step")["client"].to_list() == (
        clients(out).sort("phase", "round", "client", "step")["client"].to_list()
    )
    ours, theirs = (pl.read_parquet(folder / "participation.parquet") for folder in (local, out))
    assert ours.drop("before", "after", "gain").equals(theirs.drop("before", "after", "gain"))
    assert ours["asked"].sum() == 12
