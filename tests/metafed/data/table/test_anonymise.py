"""Names of clients are hashed wherever a run writes them, and not a bit of its numbers changes."""

import numpy as np
import polars as pl
import pytest

import metafed as mf
from metafed.data.table.pseudonyms import pseudonym, salt_of
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from tests.metafed.data.table.own import PLAIN, describe, rows


def federation(path, **settings):
    """Return a federation that has looked at its data."""
    made = Federation(mf.Experiment(families=[mf.Family.from_file(path, "people")], clients=10, **settings))
    preflight(made)
    return made


def test_names_are_hashed_and_rows_are_the_same_bits(tmp_path):
    path = describe(tmp_path, PLAIN, rows())
    plain, hashed = federation(path), federation(path, anonymise=True)
    again, other = federation(path, anonymise=True), federation(path, anonymise=True, seed=1)
    names = [plain.called(client) for client in range(10)]
    salt = salt_of(0, {row["person"] for row in rows()})
    for client in range(10):
        one, two = (made.population.split(client).own for made in (plain, hashed))
        assert np.array_equal(one.x, two.x)
        assert np.array_equal(one.y, two.y)
        assert two.name == hashed.called(client) == again.called(client) == pseudonym(salt, names[client])
    assert len({hashed.called(client) for client in range(10)}) == 10
    # another run has another salt, so that its names cannot be joined
    assert not {other.called(client) for client in range(10)} & {hashed.called(client) for client in range(10)}


def test_a_skipped_client_and_messages_have_no_name(tmp_path):
    table = [*rows(), {**rows()[0], "person": "secret"}]
    made = federation(describe(tmp_path, PLAIN, table), anonymise=True)
    assert any("clients skipped" in note for note in made.sources[0].notes)
    assert "secret" not in " ".join(made.sources[0].notes)
    table = [{**row, "age": ""} if row["person"] == "p003" else row for row in rows()]
    with pytest.raises(mf.DataError, match="column 'age' has no finite number") as error:
        federation(describe(tmp_path, PLAIN, table), anonymise=True)
    assert "p003" not in str(error.value)


def test_where_nobody_has_a_name_it_is_refused():
    with pytest.raises(ValueError, match="--anonymise does nothing: no family of --tasks is a table"):
        mf.Experiment(anonymise=True)


def test_a_record_has_no_name(tmp_path):
    from simulation import simulate

    path = describe(tmp_path, PLAIN, rows())
    settings = {"families": [mf.Family.from_file(path, "people")], "clients": 10, "rounds": 2, "eval_every": 1}
    runs = [
        simulate(mf.Experiment(**settings, anonymise=flag), engine="local", out=tmp_path / str(flag), progress=False)
        for flag in (False, True)
    ]
    for name, value in runs[0].theta.items():
        assert np.array_equal(value, runs[1].theta[name])
    runs[1].report(tmp_path / "report.html")
    assert set(runs[0].clients["name"]) <= {row["person"] for row in rows()}
    assert pl.Series(runs[1].clients["name"]).str.contains(r"^[0-9a-f]{12}$").all()
    people = {row["person"] for row in rows()}
    for written in [*(tmp_path / "True").rglob("*"), tmp_path / "report.html"]:
        if written.is_file():
            text = written.read_bytes().decode("utf-8", "ignore")
            assert not [name for name in people if name in text], written
