"""Runs that stop early, and what must agree once they were resumed."""

from pathlib import Path

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.app import serve
from server.record.record import Record
from server.record.resume import find
from simulation.engines.local import LocalGrid
from tests.simulation.command.running import manifest, rounds


class Stopped(Exception):
    """The process is gone."""


def bits(folder: Path):
    """Return what a resumed run must have in common with one that was not interrupted, bit by bit."""
    kept = folder / "predictions.parquet"
    rows = (folder / "clients.parquet").read_bytes(), kept.read_bytes() if kept.exists() else b""
    return manifest(folder)["theta_sha256"], rounds(folder), *rows


def start(experiment: Experiment, folder: Path, watch=lambda line: None, every: int = 2, keep: int = 3):
    """Run in this process; where ``watch`` raises ``Stopped`` the run ends as by a kill: nothing more is written."""
    _serve(Record(folder, Federation(experiment), {}, {}, keep), experiment, watch, None, every)


def resume(experiment: Experiment, folder: Path, watch=lambda line: None, every: int = 2, keep: int = 3, grid=None):
    """Go on with a record in this process, or by the workers of a grid; returns after which round."""
    record = Record(folder, Federation(experiment), {}, {}, keep, again=True)
    found = find(folder, experiment)
    record.go_on(found)
    _serve(record, experiment, watch, found.checkpoint, every, grid)
    return found.checkpoint.round if found.checkpoint else None


def _serve(record, experiment, watch, checkpoint, every, grid=None):
    def watched(line):
        try:
            watch(line)
        except Stopped:
            # what is on its way to the disk arrives; the checkpoint that an interrupted run writes does not
            record._later.flush()
            record.checkpoint = lambda checkpoint: None
            raise

    grid = grid or LocalGrid(experiment.to_run_config())
    try:
        serve(grid, Federation(experiment), record, watched, 600, checkpoint, every)
    except Stopped:
        record._later.close()
        record._rounds.close()
    else:
        record.finish("done")


def stops_after(server_round: int):
    def watch(line):
        if line["round"] == server_round:
            raise Stopped

    return watch
