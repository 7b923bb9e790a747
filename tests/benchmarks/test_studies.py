"""The studies in experiments/studies: their files parse, their commands work, and what cannot be used is refused."""

import re
from pathlib import Path

import pytest

from benchmarks.studies import compared, main, read_study, table
from simulation.cli.errors import BadInput
from tests.benchmarks.stand_ins import with_small_images

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "studies"
FILES = sorted(file for file in FOLDER.glob("*.toml") if "[methods]" in file.read_text(encoding="utf-8"))
SMALL = 'run = "--clients 12 --unseen 0.5 --rounds 2 --eval-every 0 --engine local --width 4 --quiet{more}"\n'


def study(tmp_path, methods, more="", extra=""):
    file = tmp_path / "small.toml"
    file.write_text(SMALL.format(more=more) + extra + "[methods]\n" + methods, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_study_parses_and_its_page_names_its_command(file, tmp_path, monkeypatch):
    with_small_images(FOLDER.parent, tmp_path)
    monkeypatch.chdir(tmp_path)
    methods = read_study(tmp_path / "experiments" / "studies" / file.name).methods
    assert len(methods) >= 2
    assert all((config.seeds or 1) >= 3 for config in methods.values())
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"python -m benchmarks\.(studies|dropped|sooner) experiments/studies/{file.name}", page)


@pytest.mark.slow
def test_the_same_method_twice_differs_by_nothing_and_is_not_run_again(tmp_path, capsys):
    file = study(tmp_path, 'one = ""\ntwo = "--objective qffl --objective.q 0"\n', more=" --seeds 2")
    words = [str(file), "--out", str(tmp_path / "runs"), "--markdown", "--json", str(tmp_path / "figures.json")]
    assert main(words) == 0
    assert "+0.000 points" in capsys.readouterr().out
    found = compared(read_study(file), tmp_path / "runs", "unseen", None)
    assert [each["value"] for each in found["differences"]] == pytest.approx([0, 0], abs=1e-6)
    assert found["seeds"] == [0, 1]
    lines = (tmp_path / "runs" / "frontier.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["cell", "one", "two"]
    names, rows = table(found)
    assert names == ["method", "after", "after − one", "worst10", "worst10 − one"]
    assert [len(row) for row in rows] == [5, 5]
    record = tmp_path / "runs" / "two" / "seed-1" / "clients.parquet"
    before = record.stat().st_mtime_ns
    assert main(words) == 0
    assert record.stat().st_mtime_ns == before


def test_flags_after_the_file_come_last_and_only_keeps_the_first(tmp_path):
    file = study(tmp_path, 'one = ""\ntwo = ""\nthree = "--rounds 3"\n')
    found = read_study(file, ["--seed", "7"], ["three"]).methods
    assert list(found) == ["one", "three"]
    assert (found["one"].experiment.rounds, found["three"].experiment.rounds) == (2, 3)
    assert {config.experiment.seed for config in found.values()} == {7}


@pytest.mark.parametrize(
    ("methods", "extra", "said"),
    [
        ("", "", "methods"),
        ('one = ""\n', 'metrics = "best"\n', "unknown metric 'best'"),
        ('one = ""\n', 'flags = "--rounds 3"\n', "besides"),
        ('one = "--objective men"\n', "", "did you mean 'mean'"),
        ('one = "--clients 0"\n', "", "one: .*clients"),
        ("one = 1\n", "", "one"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path, methods, extra, said):
    with pytest.raises(BadInput, match=said):
        read_study(study(tmp_path, methods, extra=extra))


def test_a_file_that_is_not_there_ends_with_2(tmp_path, capsys):
    assert main([str(tmp_path / "none.toml")]) == 2
    assert "No such file" in capsys.readouterr().err
