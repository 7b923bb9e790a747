"""What is no record, or one that somebody changed, is refused in one line, and is left as it was."""

import json
import os
import shutil

import polars as pl
import pytest

from server.record.record import Record
from simulation import load
from simulation.cli.errors import BadInput
from simulation.compare import main as compare
from simulation.export import main as export
from simulation.report.command import main as report
from simulation.report.pages import write_report
from simulation.run import main
from simulation.runs.derived import checkpoint_difference, derived_difference
from simulation.runs.verify import verify
from simulation.verify import main as verify_main
from tests.simulation.command.running import manifest

SMALL = "--engine local --clients 9 --cohort 5 --rounds 2 --eval-every 0 --width 6 --quiet"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main([*SMALL.split(), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def record(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def as_folder(name):
    def change(record):
        (record / name).unlink(missing_ok=True)
        (record / name).mkdir()

    return change


def as_file(name):
    def change(record):
        shutil.rmtree(record / name, ignore_errors=True)
        (record / name).write_text("")

    return change


def in_manifest(**entries):
    def change(record):
        about = manifest(record)
        (record / "manifest.json").write_text(json.dumps({**about, **entries}))

    return change


def in_settings(old, new):
    def change(record):
        text = (record / "config.toml").read_text()
        assert old in text
        (record / "config.toml").write_text(text.replace(old, new))

    return change


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def as_pipe(name):
    def change(record):
        (record / name).unlink(missing_ok=True)
        os.mkfifo(record / name)

    return change


def as_loop(name):
    def change(record):
        path = record / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.symlink_to(path.name)

    return change


def as_link(name):
    def change(record):
        moved = (record / name).rename(record.parent / "elsewhere")
        (record / name).symlink_to(moved)

    return change


DAMAGE = {
    "run.log is a folder": (as_folder("run.log"), "run.log: is no file"),
    "rounds.jsonl is a folder": (as_folder("rounds.jsonl"), "rounds.jsonl: is no file"),
    "parts is a file": (as_file("parts"), "parts: is no folder"),
    "a checkpoint is a folder": (as_folder("checkpoints/round-00000002.json"), "round-00000002.json: is no file"),
    "a checkpoint is a pipe": (as_pipe("checkpoints/round-00000002.safetensors"), "02.safetensors: is no file"),
    "checkpoints is a file": (as_file("checkpoints"), "checkpoints: is no folder"),
    "states are a file": (as_file("checkpoints/state"), "checkpoints/state: is no folder"),
    "states are a loop of links": (as_loop("checkpoints/state"), "checkpoints/state: is no folder"),
    "a line is a loop of links": (as_loop("rounds.jsonl"), "rounds.jsonl: is no file"),
    "the reserve is a folder": (as_folder(".reserve"), ".reserve: is no file"),
    "the reserve is a pipe": (as_pipe(".reserve"), ".reserve: is no file"),
    "a summary is a folder": (as_folder("summary.json"), "summary.json: is no file"),
    "a report is a loop of links": (as_loop("report.html"), "report.html: is no file"),
    "a draft is a pipe": (as_pipe("clients.parquet.draft"), "clients.parquet.draft: is no file"),
    "checkpoints are a link": (as_link("checkpoints"), "checkpoints: is no folder"),
    "rows are gone": (lambda record: (record / "clients.parquet").unlink(), "clients.parquet: is missing"),
    "rows with another bit": (lambda record: flip(record / "clients.parquet", 40), "clients.parquet: is damaged"),
    "rows cut short": (lambda record: cut(record / "clients.parquet"), "clients.parquet: is damaged"),
    "manifest of a list": (lambda record: (record / "manifest.json").write_text("[]"), "expected a JSON object"),
    "manifest cut short": (lambda record: (record / "manifest.json").write_text('{"run'), "manifest.json: not JSON"),
    "experiment of a number": (in_manifest(experiment=3), "manifest.json: experiment"),
    "clients of a text": (in_manifest(experiment={"clients": "many"}), "manifest.json: experiment.clients"),
    "another seed": (in_settings("seed = 0", "seed = 1"), "seed = 1 (manifest.json has 0)"),
    "another rate": (in_settings("inner-lr = 0.1", "inner-lr = 0.2"), "was changed since the run began"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_it_is_refused_in_one_line_and_nothing_is_changed(case, record, capsys):
    damage, reason = DAMAGE[case]
    damage(record)
    before = {path: path.read_bytes() for path in record.rglob("*") if path.is_file()}
    assert main(["--resume", str(record), "--rounds", "4"]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in record.rglob("*") if path.is_file()} == before


def test_a_report_says_that_rows_were_changed_since_the_run_ended(record):
    frame = pl.read_parquet(record / "clients.parquet")
    frame.with_columns(pl.col("score") / 2).write_parquet(record / "clients.parquet")
    assert "clients.parquet has other bits than when the run ended" in write_report(record).read_text()


class Killed(BaseException):
    """The process is gone."""


def test_a_run_that_is_killed_while_its_report_is_written_goes_on(tmp_path, monkeypatch):
    def killed(*arguments, **more):
        raise Killed

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("simulation.api.carrying_out.write_report", killed)
        with pytest.raises(Killed):
            main([*SMALL.split(), "--out", str(folder)])
    assert manifest(folder)["exit_reason"] is None
    assert not (folder / "report.html").exists()
    assert main(["--resume", str(folder)]) == 0
    assert manifest(folder)["exit_reason"] == "done"
    assert "did not finish" not in (folder / "report.html").read_text()


def test_the_manifest_is_written_last(tmp_path, monkeypatch):
    order = []
    write = Record._write_manifest

    def noted(self):
        order.append(self.manifest["exit_reason"])
        write(self)

    def reported(folder, **more):
        order.append("report")
        return write_report(folder, **more)

    monkeypatch.setattr(Record, "_write_manifest", noted)
    monkeypatch.setattr("simulation.api.carrying_out.write_report", reported)
    assert main([*SMALL.split(), "--out", str(tmp_path / "run")]) == 0
    assert order[-2:] == ["report", "done"]


def test_a_run_without_its_checkpoints_goes_on_from_its_start(record):
    before = manifest(record)
    shutil.rmtree(record / "checkpoints")
    (record / "manifest.json").write_text(json.dumps({**before, "exit_reason": None}))
    assert main(["--resume", str(record), "--rounds", "2", "--quiet"]) == 0
    assert manifest(record)["theta_sha256"] == before["theta_sha256"]


def edited(record):
    path = record / "summary.json"
    about = json.loads(path.read_text())
    about["unseen"]["after"]["value"] += 1e-9
    path.write_text(json.dumps(about))


def other_rows(record):
    path = record / "participation.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(pl.col("asked") + 1).write_parquet(path)


DERIVED = {
    "a number of the summary": (edited, "summary.json: unseen/after/value is "),
    "no summary": (lambda record: (record / "summary.json").unlink(), "summary.json: is missing"),
    "other rows of participation": (other_rows, "participation.parquet: has other rows than the record gives"),
    "θ with another bit": (lambda record: flip(record / "checkpoints/round-00000002.safetensors", -9), "other bits"),
    "no checkpoint": (lambda record: shutil.rmtree(record / "checkpoints"), "checkpoints: there is none"),
}


def another_state(record):
    path = record / "checkpoints/round-00000002.json"
    path.write_text(path.read_text().replace('"extra": {', '"extra": {"nobody": {"count": 1}, ', 1))


def same_rows(record):
    path = record / "clients.parquet"
    pl.read_parquet(path).write_parquet(path, compression="gzip")


DERIVED |= {
    "another state": (another_state, "checkpoints: state of round 2: nobody is {'count': 1} and 'missing'"),
    "other bytes of the same rows": (same_rows, "clients.parquet has other bits than when the run ended"),
}


def test_verify_names_what_no_longer_follows_from_the_rows(record, finished, tmp_path):
    assert verify(record, "local") is None
    for number, (damage, reason) in enumerate(DERIVED.values()):
        bent = shutil.copytree(record, tmp_path / f"bent-{number}")
        damage(bent)
        scratch = tmp_path / f"scratch-{number}"
        scratch.mkdir()
        about, experiment = manifest(bent), load(bent).experiment
        checkpoint = checkpoint_difference(bent, about, experiment, finished)
        rest = derived_difference(bent, experiment, scratch)
        assert reason in f"{checkpoint} {rest}"


def test_verify_as_a_command_names_an_edited_summary(record, capsys):
    edited(record)
    assert verify_main([str(record)]) == 1
    assert "differs first at summary.json: unseen/after/value is " in capsys.readouterr().out


def without_its_middle(path):
    """Leave a Parquet file's footer, whose places now lie beyond its end: polars panics."""
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    path.write_bytes(content[:4] + content[-footer:])


def sparse(path):
    os.truncate(path, 2**36)


READERS = {
    "rows that polars panics at": ("clients.parquet", without_its_middle, "clients.parquet: not readable as Parquet"),
    "rows of 64 GiB": ("clients.parquet", sparse, "clients.parquet: not readable as Parquet"),
    "lines of 64 GiB": ("rounds.jsonl", sparse, "rounds.jsonl, line 4: longer than"),
    "settings of 64 GiB": ("config.toml", sparse, "config.toml: of 68719476736 bytes; at most"),
    "a pipe for rows": ("clients.parquet", lambda p: (p.unlink(), os.mkfifo(p)), "clients.parquet: is no file"),
    "a folder for a summary": ("summary.json", lambda p: (p.unlink(), p.mkdir()), "summary.json: is no file"),
}


def test_readers_refuse_damage_in_one_line_and_take_no_memory_for_it(record, tmp_path, capfd):
    for number, (name, damage, reason) in enumerate(READERS.values()):
        bent = shutil.copytree(record, tmp_path / f"bent-{number}")
        damage(bent / name)
        out = str(tmp_path / "out")
        for reads in (verify_main, compare, report, lambda words: export([*words, "--out", out])):  # noqa: B023
            assert reads([str(bent)]) == 2
            said = capfd.readouterr().err
            assert reason in said
            assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_is_loaded_of_a_damaged_record_is_refused_by_name(record):
    (record / "participation.parquet").write_bytes(b"PAR1")
    os.truncate(record / "checkpoints/round-00000002.safetensors", 2**36)
    found = load(record)
    with pytest.raises(BadInput, match=r"participation.parquet: not readable as Parquet"):
        _ = found.participation
    with pytest.raises(BadInput, match=r"safetensors: has 68719476736 bytes, its header says \d+"):
        _ = found.theta
