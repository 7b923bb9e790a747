"""Words of a command line before any command reads them: homes, and paths that are empty."""

import pytest

from simulation.cli.errors import BadInput
from simulation.cli.words import whole
from simulation.compare import main as compare
from simulation.run import main as run
from tests.simulation.command.running import manifest

FEW = ["--clients", "4", "--rounds", "0", "--width", "6", "--engine", "local", "--no-report"]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("~/x", "/home/ada/x"),
        ("--out=~/x", "--out=/home/ada/x"),
        ("--data-dir=~/a:~/b", "--data-dir=/home/ada/a:/home/ada/b"),
        ("people:~/p.toml,avatar", "people:/home/ada/p.toml,avatar"),
        ("a~/x", "a~/x"),
        ("~ada", "~ada"),
        ("--inner-lr=0.1", "--inner-lr=0.1"),
    ],
)
def test_a_home_is_written_out_where_a_path_may_begin(monkeypatch, word, found):
    monkeypatch.setenv("HOME", "/home/ada")
    assert whole([word]) == [found]


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--out", ""], "--out ''"), (["--resume="], "--resume ''"), ([""], "''"), (["a", ""], "''")],
)
def test_an_empty_path_is_not_the_folder_that_one_is_in(words, named):
    with pytest.raises(BadInput, match="is empty") as caught:
        whole(words)
    assert str(caught.value).startswith(named)


def test_an_empty_word_ends_every_command_before_it_reads_anything(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert compare([""]) == 2
    assert run([*FEW, "--out", ""]) == 2
    assert capsys.readouterr().err.count("is empty") == 2
    assert list(tmp_path.iterdir()) == []


def test_a_record_goes_to_the_home_by_whichever_spelling(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert run([*FEW, "--out=~/one"]) == 0
    assert manifest(tmp_path / "home" / "one")["exit_reason"] == "done"
    (tmp_path / "c.toml").write_text('out = "~/two"\n')
    assert run([*FEW, "--config", "c.toml"]) == 0
    assert manifest(tmp_path / "home" / "two")["exit_reason"] == "done"
    assert not (tmp_path / "~").exists()
    said = capsys.readouterr().out
    assert "clients " in said
    assert "report.html" not in said  # which nobody wrote
