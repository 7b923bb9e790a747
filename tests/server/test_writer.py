"""The record is written on a thread of its own: in order, whole before the run ends, and no error is lost."""

import json
import shutil
import threading

import polars as pl
import pytest

from metafed.federation.federation import Federation
from server.app import serve
from server.record.record import Record, theta_sha256
from server.record.writer import WAITING, Writer, WritingFailed, unwritten
from simulation.engines.local import LocalGrid
from tests.simulation.command.running import manifest, on_a_small_disk


def test_an_error_without_words_has_its_name():
    assert unwritten(MemoryError()) == "the record cannot be written: memory is short"
    assert unwritten(RuntimeError()) == "the record cannot be written: RuntimeError"


def test_tasks_are_done_in_order_and_all_before_the_end():
    done, writer = [], Writer()
    for number in range(50):
        writer(lambda number=number: done.append(number))
    writer.close()
    assert done == list(range(50))
    writer.close()


def test_whoever_asks_goes_on_while_the_task_is_done_and_waits_when_too_many_wait():
    writer, gate, entered = Writer(), threading.Event(), threading.Event()
    writer(lambda: (entered.set(), gate.wait(30)))
    assert entered.wait(30)  # it is being done; so many more are let in
    for _ in range(WAITING):
        writer(lambda: None)
    late, let_in = [], threading.Event()
    asker = threading.Thread(target=lambda: (writer(lambda: late.append(1)), let_in.set()))
    asker.start()
    assert not let_in.is_set()
    gate.set()
    asker.join(30)
    assert let_in.is_set()
    writer.close()
    assert late == [1]


def test_nothing_is_done_after_a_failure_and_everybody_is_told():
    done, writer = [], Writer()
    writer(lambda: done.append(1))

    def full():
        raise OSError(28, "No space left on device")

    writer(full)
    with pytest.raises(WritingFailed, match=r"cannot be written.*No space left"):
        writer.flush()
    for ask in (lambda: writer(lambda: done.append(2)), writer.flush, writer.close):
        with pytest.raises(WritingFailed, match="No space left"):
            ask()
    assert done == [1]


def test_ctrl_c_within_a_task_is_left_to_the_main_thread():
    """Polars raises it in whatever thread it works in."""
    done, writer = [], Writer()

    def interrupted():
        done.append("begun")
        if len(done) == 1:
            raise KeyboardInterrupt

    writer(interrupted)
    writer(lambda: done.append("next"))
    writer.close()
    assert done == ["begun", "begun", "next"]


def test_a_panic_within_a_task_keeps_nobody_waiting():
    class Panic(BaseException):
        """Not an Exception, as those of libraries in Rust."""

    def panics():
        raise Panic("no such type")

    writer = Writer()
    writer(panics)
    for ask in (writer.flush, writer.close):
        with pytest.raises(WritingFailed, match="no such type"):
            ask()


def kept(folder, experiment):
    return Record(folder, Federation(experiment), {}, {})


def test_a_run_that_ends_has_everything_on_disk_in_order(small, tmp_path):
    keep, seen = kept(tmp_path / "run", small), []
    theta = serve(LocalGrid(small.to_run_config()), Federation(small), keep, seen.append, 600)
    keep.finish("done")
    lines = [json.loads(text) for text in (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()]
    assert lines == seen
    assert [line["round"] for line in lines] == [0, 1, 2]
    frame = pl.read_parquet(tmp_path / "run" / "clients.parquet")
    assert frame["round"].is_sorted()
    about = manifest(tmp_path / "run")
    assert about["theta_sha256"] == theta_sha256(theta)
    assert about["exit_reason"] == "done"
    assert set(theta) == set(Federation(small).layout.parts)


def test_what_cannot_be_written_ends_the_run_and_leaves_what_was(small, tmp_path):
    folder = tmp_path / "run"
    keep = kept(folder, small.model_copy(update={"rounds": 50}))

    def watch(line):
        if line["round"] == 2:
            keep._later.flush()
            shutil.rmtree(folder / "parts")

    with pytest.raises(WritingFailed, match="cannot be written"):
        serve(LocalGrid(small.to_run_config()), keep.federation, keep, watch, 600)
    with pytest.raises(WritingFailed, match="cannot be written"):
        keep.finish("failed")
    assert manifest(folder)["exit_reason"].startswith("failed: the record cannot be written")
    assert [json.loads(text)["round"] for text in (folder / "rounds.jsonl").read_text().splitlines()] == [0, 1, 2]


def test_a_full_disk_is_one_message(tmp_path):
    words = ["--clients", "60", "--rounds", "40", "--engine", "local", "--width", "8", "--out", str(tmp_path / "run")]
    done = on_a_small_disk(12_000, *words)
    assert done.returncode == 1
    assert "the record cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_record_that_is_discarded_leaves_nothing(small, tmp_path):
    (tmp_path / "mine").mkdir()
    kept(tmp_path / "mine" / "runs" / "deep" / "run", small).discard()
    assert list((tmp_path / "mine").iterdir()) == []
