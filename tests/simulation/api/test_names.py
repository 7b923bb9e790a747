"""Clients keep the name that their data give them: in the record, the report, and from one's own loop."""

import json

import numpy as np
import polars as pl
import pytest

import metafed as mf
from simulation import simulate
from tests.simulation.command.running import command

RNG = np.random.default_rng(0)
PEOPLE = {f"u{number}": (RNG.normal(size=(12, 3)), RNG.integers(0, 2, 12)) for number in range(12)}


@pytest.fixture(scope="module")
def run():
    taps = mf.Family.from_arrays("taps", PEOPLE)
    experiment = mf.Experiment(families=[taps, "avatar"], clients=20, rounds=2, width=6, eval_every=0)
    return simulate(experiment, engine="local", progress=False)


def test_the_record_names_clients_beside_their_number(run):
    for frame in (run.clients, run.participation):
        named = frame.filter(pl.col("family") == "taps")
        assert set(named["name"]) <= set(PEOPLE)
        assert named["client"].n_unique() == named["name"].n_unique() > 5
        assert frame.filter(pl.col("family") == "avatar")["name"].null_count() > 0
        for client, name in named.select("client", "name").unique().iter_rows():
            assert run.federation.called(client) == name
    assert set(run.clients["name"].drop_nulls()) == set(run.participation["name"].drop_nulls())


def test_the_report_and_ones_own_loop_name_them_too(run):
    page = run.report().read_text()
    served = [name for name in PEOPLE if f"<b>{name} (client " in page]
    assert served
    assert "<b>client " in page
    fed = mf.Federation(run.experiment)
    assert fed.notes["taps"][0] == "144 rows, 12 clients by 'client'"
    assert fed.remarks == tuple(run.manifest["guard"])
    _, per_client = fed.round(fed.init(), fed.sample(1), 1)
    assert {own.name for own in per_client.values() if own.family == "taps"} <= set(PEOPLE)
    assert {own.name for own in per_client.values() if own.family == "avatar"} == {""}


def test_a_record_of_before_has_no_such_column_and_goes_on(run, tmp_path):
    taps = mf.Family.from_arrays("taps", PEOPLE)
    made = simulate(
        mf.Experiment(families=[taps], clients=10, rounds=2, width=6, eval_every=0),
        engine="local", out=tmp_path / "run", progress=False,
    )  # fmt: skip
    done = command("--resume", made.folder, "--rounds", "3")
    assert done.returncode == 2
    assert "these rows were given in Python, and this process does not have them" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    path, manifest = made.folder / "clients.parquet", made.folder / "manifest.json"
    pl.read_parquet(path).drop("name").write_parquet(path)
    about = json.loads(manifest.read_text())
    del about["clients_sha256"]  # no more was there
    manifest.write_text(json.dumps(about))
    longer = made.resume(rounds=3, progress=False)
    assert longer.clients.columns == run.clients.columns
    old = longer.clients.filter((pl.col("round") < 3) & (pl.col("phase") == "train"))
    assert old["name"].null_count() == old.height
    assert longer.clients.filter(pl.col("round") == 3)["name"].null_count() == 0
