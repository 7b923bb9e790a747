"""Where nobody says how many clients there are, there are all that the data have."""

import pytest

from simulation.cli.errors import BadInput
from simulation.cli.flags import parse
from simulation.run import main
from simulation.runs.people import all_people, tell
from tests.metafed.data.table.own import describe, rows
from tests.simulation.command.running import manifest


@pytest.fixture(autouse=True)
def people(tmp_path, monkeypatch):
    """A table of 90 people and one of 12."""
    monkeypatch.chdir(tmp_path)
    tell.cache_clear()
    for name, count in (("many", 90), ("few", 12)):
        (tmp_path / name).mkdir()
        describe(tmp_path / name, table=rows(count))


MANY, FEW = "many:many/people.toml", "few:few/people.toml"


@pytest.mark.parametrize(
    ("words", "clients"),
    [
        (["--tasks", MANY], 90),
        (["--tasks", FEW], 12),
        (["--tasks", MANY, "--clients", "50"], 50),
        (["--tasks", FEW, "--clients=8"], 8),
        (["--tasks", f"{FEW},{MANY}"], 24),
        (["--tasks", f"{FEW},{MANY}", "--mix", "many=3"], 48),
        (["--tasks", f"{FEW},avatar"], 24),
        (["--tasks", f"{MANY},avatar"], 50),
        (["--tasks", "avatar"], 50),
        (["--config", "given.toml"], 9),
        (["--config", "open.toml"], 12),
    ],
)
def test_all_are_taken_unless_a_number_is_given(words, clients, tmp_path, capsys):
    (tmp_path / "open.toml").write_text(f'tasks = "{FEW}"\n')
    (tmp_path / "given.toml").write_text(f'tasks = "{FEW}"\nclients = 9\n')
    found = all_people(parse(words))
    assert found.experiment.clients == clients
    assert all_people(found) is found
    said = f"metafed: --clients (clients=… in Python) is not given: {clients} are taken, all that the data have\n"
    assert capsys.readouterr().err == ("" if clients in (8, 9, 50) else said)


def test_another_setting_that_does_not_fit_is_named():
    with pytest.raises(BadInput, match="12 clients, all that the data have: --cohort 40 exceeds --clients 12"):
        all_people(parse(["--tasks", FEW, "--cohort", "40"]))


def test_a_run_of_few_people_needs_no_number(tmp_path, capsys):
    words = ["--rounds", "1", "--eval-every", "0", "--width", "6", "--engine", "local", "--quiet", "--out", "run"]
    assert main(["--tasks", FEW, *words]) == 0
    assert manifest(tmp_path / "run")["experiment"]["clients"] == 12
    assert "12 are taken" in capsys.readouterr().err
    assert main(["--resume", "run", "--rounds", "2"]) == 0
    assert main(["--tasks", FEW, "--clients", "50", *words[:-1], "other"]) == 2
