"""A full disk ends a run with one message and a reason, wherever it is full first; nothing half-written is left."""

import logging
import os
from errno import ENOSPC
from pathlib import Path

import pytest

from server.files import draft, new_folder, write_json
from server.record import record
from simulation.cli.logs import into
from simulation.run import main
from tests.integration.resume.running import bits
from tests.simulation.command.running import manifest

SMALL = [
    *("--engine", "local", "--clients", "9", "--cohort", "5", "--rounds", "6", "--eval-every", "3"),
    *("--checkpoint-every", "2", "--width", "6", "--quiet"),
]
FULL = OSError(ENOSPC, os.strerror(ENOSPC))


@pytest.fixture
def full_from_round_4(monkeypatch):
    """A disk that is full from the checkpoint of round 4 on, but for what is given back."""
    write = record.write

    def checkpoint(folder, checkpoint, *rest):
        if checkpoint.round >= 4:
            raise FULL
        return write(folder, checkpoint, *rest)

    def scarce(path: Path, value):
        if value["exit_reason"] is not None and (path.parent / record.RESERVE).exists():
            raise FULL
        write_json(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(record, "write", checkpoint)
        patch.setattr(record, "write_json", scarce)
        yield patch


def test_the_reason_has_room_and_the_run_goes_on_later(full_from_round_4, tmp_path, capsys):
    assert main([*SMALL, "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert said == "metafed: the record cannot be written: [Errno 28] No space left on device\n"
    assert manifest(tmp_path / "run")["exit_reason"].startswith("failed: the record cannot be written")
    assert not (tmp_path / "run" / record.RESERVE).exists()
    assert main(["--resume", str(tmp_path / "run"), "--quiet"]) == 1  # it is still full
    assert manifest(tmp_path / "run")["exit_reason"].startswith("failed: the record cannot be written")
    full_from_round_4.undo()
    assert main(["--resume", str(tmp_path / "run"), "--quiet"]) == 0
    assert main([*SMALL, "--out", str(tmp_path / "whole")]) == 0
    assert bits(tmp_path / "run") == bits(tmp_path / "whole")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {p.name for p in (tmp_path / "whole").iterdir()}


def test_a_study_that_cannot_be_closed_says_so(tmp_path, monkeypatch, capsys):
    def full(folder):
        raise FULL

    monkeypatch.setattr("simulation.runs.study.write_summary", full)
    words = [*SMALL, "--rounds", "1", "--seeds", "1", "--out", str(tmp_path / "study")]
    assert main(words) == 1
    assert capsys.readouterr().err == "metafed: the record cannot be written: [Errno 28] No space left on device\n"


def test_a_log_that_cannot_be_begun_leaves_nothing(tmp_path, monkeypatch, capsys):
    def full(path):
        raise FULL

    monkeypatch.setattr("simulation.runs.simulate.into", full)
    assert main([*SMALL, "--out", str(tmp_path / "deep" / "run")]) == 2
    assert capsys.readouterr().err == f"metafed: {tmp_path}/deep/run/run.log: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_go_on_prints_no_traceback(capfd):
    with into(Path("/dev/full")) as log:
        log.info("nobody hears it")
        logging.getLogger("flwr").warning("nor this")
    assert capfd.readouterr() == ("", "")


def full(write, path):
    """Write by way of ``write``, until there is no room."""
    with write(path) as beside:
        (beside if isinstance(beside, Path) else path / "file").write_text("half")
        raise FULL


def test_what_fails_leaves_no_half_of_a_file_or_folder(tmp_path):
    (tmp_path / "file").write_text("before")
    with pytest.raises(OSError, match="No space"):
        full(draft, tmp_path / "file")
    with pytest.raises(OSError, match="No space"):
        full(new_folder, tmp_path / "deep" / "down")
    with pytest.raises(FileExistsError):
        full(new_folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "before"
