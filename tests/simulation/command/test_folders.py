"""Where a record goes, and from where a run that goes on finds what it names by relative paths."""

import shutil
from errno import EACCES
from pathlib import Path

import pytest

import simulation.verify
from server.record.record import Record
from simulation.cli.door import door
from simulation.cli.errors import BadInput, Taken
from simulation.deployment.deployment import check_new
from simulation.run import main
from simulation.runs.settings import first_free
from simulation.runs.sweep.carry_out import begin
from simulation.runs.sweep.plan import axes_of, grid
from tests.metafed.data.table.own import describe, rows
from tests.simulation.command.running import manifest

ONE_ROUND = "--rounds 1 --eval-every 0 --width 6 --engine local --quiet --no-report"
SMALL = f"--tasks assistant --clients 4 {ONE_ROUND}".split()
NOW = Path("runs/now")


@pytest.fixture
def one_second(tmp_path, monkeypatch):
    """All runs of this test begin in one second."""
    monkeypatch.chdir(tmp_path)
    for module in ("simulation.runs.simulate", "simulation.run"):
        monkeypatch.setattr(f"{module}.default_folder", lambda config: NOW)
    return tmp_path


def test_runs_that_begin_in_one_second_have_folders_of_their_own(one_second):
    assert [main([*SMALL, "--seed", str(seed)]) for seed in (0, 1)] == [0, 0]
    assert main([*SMALL, "--seeds", "1"]) == 0
    assert [manifest(one_second / "runs" / name)["experiment"]["seed"] for name in ("now", "now-2")] == [0, 1]
    assert manifest(one_second / "runs" / "now-3")["members"] == ["seed-0"]


def test_a_folder_that_was_named_is_that_folder_or_none(one_second):
    def make(folder):
        raise Taken(str(folder))

    with pytest.raises(Taken, match="mine"):
        first_free(Path("mine"), NOW, make)
    made = iter([Taken, Taken, None])

    def third(folder):
        if error := next(made):
            raise error
        return folder

    assert first_free(None, NOW, third) == Path("runs/now-3")


def test_a_sweep_without_a_name_goes_on_with_no_other(tmp_path):
    begin(tmp_path / "sweep", ["--width", "8,16"], None, again=False)
    with pytest.raises(Taken):
        begin(tmp_path / "sweep", ["--width", "8,16"], None, again=False)
    assert begin(tmp_path / "sweep", ["--width", "8,16"], None, again=True) == tmp_path / "sweep"


def test_cells_of_a_sweep_have_names_that_can_be_made_and_none_twice(monkeypatch):
    monkeypatch.setattr("simulation.runs.sweep.plan.parse", lambda words: None)
    values = [f"{'x' * 150}{end}" for end in "ab"]
    cells = grid(*axes_of(["--one", ",".join(values), "--two", ",".join(values)], ranges=False))
    assert len({cell.name for cell in cells}) == 4
    assert max(len(cell.name) for cell in cells) < 255
    with pytest.raises(BadInput, match="--one a/b and --one a~b would have one folder, one=a~b"):
        grid(*axes_of(["--one", "a/b,a~b"], ranges=False))


def test_a_record_that_cannot_be_begun_leaves_nothing(one_second, monkeypatch, capsys):
    def full(self):
        raise OSError(28, "No space left on device", "config.toml.draft")

    monkeypatch.setattr(Record, "_write_config", full)
    assert main([*SMALL, "--out", "deep/down/run"]) == 2
    assert capsys.readouterr().err == "metafed: --out deep/down/run: No space left on device\n"
    assert list(one_second.iterdir()) == []


OWN = f"--tasks people:people.toml --clients 8 {ONE_ROUND}".split()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a table and its description; it is the working folder, and there is an empty one beside it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    describe(tmp_path / "project", table=rows())
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_a_run_goes_on_from_any_folder_with_a_description_named_by_a_relative_path(project, monkeypatch, capsys):
    assert main([*OWN, "--out", "runs/run"]) == 0
    assert manifest(Path("runs/run"))["started_in"] == "../.."
    project = project.rename(project.with_name("moved"))
    monkeypatch.chdir(project.parent / "elsewhere")
    assert main(["--resume", "../moved/runs/run", "--rounds", "2", "--data-dir", "sets", "--quiet"]) == 0
    assert f"people.toml is taken from {project}" in capsys.readouterr().err
    about = manifest(project / "runs" / "run")
    assert (about["experiment"]["rounds"], about["experiment"]["tasks"]) == (2, "people:people.toml")
    assert about["experiment"]["data_dir"] == str(project.parent / "elsewhere" / "sets")
    monkeypatch.chdir(project.parent / "elsewhere")
    assert simulation.verify.main(["../moved/runs/run"]) == 0


def test_a_study_does_so_too_and_where_the_files_are_gone_it_is_said(project, monkeypatch, capsys):
    assert main([*OWN, "--seeds", "2", "--out", "runs/study"]) == 0
    shutil.rmtree("runs/study/seed-1")
    monkeypatch.chdir(project.parent / "elsewhere")
    assert main(["--resume", "../project/runs/study", "--quiet"]) == 0
    assert (project / "runs/study/seed-1/manifest.json").exists()
    monkeypatch.chdir(project.parent / "elsewhere")
    shutil.rmtree(project / "runs/study/seed-1")
    (project / "people.toml").unlink()
    capsys.readouterr()
    assert main(["--resume", "../project/runs/study", "--quiet"]) == 2
    assert capsys.readouterr().err.startswith("metafed: people.toml: ")


@pytest.mark.parametrize("words", [SMALL, [*SMALL, "--seeds", "2"]])
def test_no_record_lies_within_a_record(words, tmp_path, capsys):
    for name in ("manifest.json", "rounds.jsonl"):
        (tmp_path / name).touch()
    inside = tmp_path / "parts" / "run"
    assert main([*words, "--out", str(inside)]) == 2
    assert capsys.readouterr().err == (
        f"metafed: --out {inside}: lies in the record of a run, {tmp_path}; choose a folder outside of it\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "rounds.jsonl"]
    for make in (check_new, lambda folder: begin(folder, ["--width", "8,16"], None, again=False)):
        with pytest.raises(BadInput, match="lies in the record of a run"):
            make(inside)


def test_what_may_not_be_opened_is_bad_input_wherever_it_was_named(capsys):
    @door
    def work(words):
        raise PermissionError(EACCES, "Permission denied", "closed/manifest.json")

    assert work([]) == 2
    assert capsys.readouterr().err == "metafed: closed/manifest.json: Permission denied\n"
