"""What a run leaves behind: ``runs/<name>/``, written as it goes, by a thread of its own.

A run that is interrupted or fails loses no finished round; one that is killed loses those since its last checkpoint,
which are computed again, to the same bits, when it is resumed.
"""

import fcntl
import hashlib
import os
import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import polars as pl
import tomli_w

from metafed.core.cores import cores
from metafed.core.parameters import Vectors
from metafed.experiment.settings import kebab
from metafed.fairness.summary import summarize
from metafed.federation.federation import Federation
from metafed.scores import scale
from server.checkpoint import Checkpoint, Position, sync, write
from server.files import draft, new_folder, remove, write_json, write_text
from server.record.client_rows import table
from server.record.participation import keep_ledger
from server.record.predictions import keep_attributes, predictions_of
from server.record.provenance import git_state, started_in, without_secrets
from server.record.resume import FORMAT, Found, encoded, identity, read_manifest, rewind, rows_up_to
from server.record.rounds import Round, line
from server.record.tables import CLIENTS, HASHED, PREDICTIONS, RESERVE, RESERVED, Table, join, sha256_of, tables_of
from server.record.writer import Writer, WritingFailed, unwritten

PACKAGES = ("metafed", "flwr", "ray", "torch", "numpy", "polars", "pydantic")


class Record:
    """The folder of one run.

    Args:
        folder: Must not exist yet; it is made, with its parents. With ``again`` it is the record of a run that goes on.
        federation: Whose run it is.
        how: How it is run, for the manifest: engine, workers, files read, and so on.
        settings: Settings of the engine that ``config.toml`` holds beside the experiment.
        keep: Checkpoints that are kept.
        again: Open a record that is there; nothing is changed before ``go_on`` is called.

    Raises:
        FileExistsError: The folder exists. Nothing was touched.
        BlockingIOError: Another process writes this record.
        OSError: It cannot be made.
        NotResumable: With ``again``, there is no record.

    All methods that write, but for the construction, raise ``WritingFailed`` where something could not be written
    now or before.
    """

    def __init__(
        self,
        folder: Path,
        federation: Federation,
        how: Mapping[str, Any],
        settings: Mapping[str, Any],
        keep: int = 3,
        again: bool = False,
    ) -> None:
        self.folder = folder
        self.federation, experiment = federation, federation.experiment
        self._whole = {**experiment.model_dump(mode="json", exclude_none=True), **settings}
        self._keep, self._again = keep, again
        self._unsynced: list[Path] = []
        self._positions: dict[int, Position] = {}
        self._hash = hashlib.sha256()  # of all lines of rounds.jsonl
        self._rows = {each.file: 0 for each in tables_of(experiment)}
        self.before = read_manifest(folder) if again else {}
        with new_folder(folder, there=again) as self._parents:
            if not again:
                for each in tables_of(experiment):
                    (folder / each.parts).mkdir()
                (folder / "checkpoints").mkdir()
                self._write_config()
                (folder / RESERVE).write_bytes(bytes(RESERVED))
            self._rounds = (folder / "rounds.jsonl").open("ab")
            try:
                # one process writes a record; the lock goes with the process, however it ends
                fcntl.flock(self._rounds, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.manifest = self._first_manifest(how)
                if not again:
                    self._write_manifest()
            except BaseException:
                self._rounds.close()
                raise
        self._later = Writer()

    def _first_manifest(self, how: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known before the first round, or before the first of those that follow."""
        before, experiment = self.before, self.federation.experiment
        about: dict[str, Any] = {
            "format": FORMAT,
            "run": uuid4().hex,
            "argv": without_secrets(sys.argv),
            "started_in": started_in(self.folder),
            "experiment": experiment.model_dump(mode="json"),
            "seed": experiment.seed,
            **how,
            "versions": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
            "git": git_state(),
            "machine": {
                "system": platform.platform(),
                "processor": platform.machine(),
                "cpus": os.cpu_count(),
                "allowed_cpus": cores(),
            },
            "start": now(),
            "end": None,
            "exit_reason": None,
            "theta_sha256": None,
        }
        if not self._again:
            return about
        entry = {"time": about["start"], **{key: about[key] for key in ("argv", "versions", "git")}}
        computed = {key: about[key] for key in ("experiment", "seed")}
        resumed = [*before.get("resumed", ()), entry]
        return {**before, **computed, "end": None, "exit_reason": None, "resumed": resumed}

    def go_on(self, found: Found) -> None:
        """Take back what the record says beyond a checkpoint, and note that the run goes on from there.

        Raises:
            OSError: It cannot be written.
        """
        # first of all, for what it says of the files' bits holds no longer
        for key in HASHED.values():
            self.manifest.pop(key, None)
        self._write_manifest()
        rewind(self.folder, self._rounds, found, self.federation.experiment)
        self._hash = hashlib.sha256((self.folder / "rounds.jsonl").read_bytes())
        self._rows = {each.file: rows_up_to(self.folder, each) for each in tables_of(self.federation.experiment)}
        start = found.checkpoint
        with suppress(OSError):  # where the disk is full already it ends so
            (self.folder / RESERVE).write_bytes(bytes(RESERVED))
        self._write_config()
        self.manifest["resumed"][-1]["from_round"] = start.round if start else None
        self.manifest["theta_sha256"] = theta_sha256(start.theta) if start else None
        self._write_manifest()

    def about(self, **entries: Any) -> None:
        """Add to the manifest what is known only once the data are read and the engine runs."""
        self._later.flush()
        self.manifest |= entries
        self._write_manifest()

    def round(self, finished: Round, trained: Round | None = None) -> dict[str, Any]:
        """Have a finished round appended: its line, and a row a client and step. Returns the line at once.

        Args:
            finished: The round.
            trained: The round without its evaluation, where that is made only since the round is the last: a run that
                is resumed with more rounds takes it back.
        """
        entry = line(finished, self.federation.roster)
        bare = line(trained, self.federation.roster) if trained else None
        self._later(lambda: self._append(finished, entry, bare))
        return entry

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Have a checkpoint of a finished round written, and θ's hash noted; its arrays must not change then."""
        self._later(lambda: self._checkpoint(checkpoint))

    def finish(self, reason: str, report: Callable[[Mapping[str, Any]], object] = lambda manifest: None) -> None:
        """Write what waits, join the clients' rows, summarize them, and close the manifest with the reason for ending.

        Where something cannot be written the rest is, as far as possible, and the manifest says so. The manifest is
        the last: a run that is killed before has not ended, and goes on.

        Args:
            reason: Why it ended.
            report: Writes what is made of the record, and is given the manifest as it will be.
        """
        failed: Exception | None = None
        self.manifest |= {"end": now(), "exit_reason": reason}

        steps: tuple[Callable[[], object], ...] = (
            self._later.close,
            self._rounds.close,
            lambda: join(self.folder),
            lambda: join(self.folder, PREDICTIONS),  # none, where none are kept
            lambda: summarize_record(self.folder, self.federation),
            lambda: report(self.manifest),
            lambda: self.manifest.update(hashes_of(self.folder)),
            lambda: give_back(self.folder),
            self._write_manifest,
        )
        for step in steps:
            try:
                step()
            except Exception as error:
                failed = failed or error
                self.manifest["exit_reason"] = f"failed: {failed}"
        if failed is not None:
            raise failed if isinstance(failed, WritingFailed) else WritingFailed(unwritten(failed)) from failed

    def discard(self) -> None:
        """Remove the folder, and the folders around it that were made for it and hold nothing else.

        A record that was there before is left as it was.
        """
        self._later.close()
        self._rounds.close()
        if not self._again:
            remove(self.folder, self._parents)

    def _append(self, finished: Round, entry: Mapping[str, Any], bare: Mapping[str, Any] | None) -> None:
        frames = {
            phase: table(phase, finished.number, tables, self.federation)
            for phase, tables in (("train", finished.training), ("evaluate", finished.evaluation))
            if tables
        }
        rows = {CLIENTS.file: self._write_part(CLIENTS, finished.number, frames.pop("train", None), *frames.values())}
        if self.federation.experiment.keep_predictions:
            found = [predictions_of(finished.number, tables, self.federation) for tables in finished.evaluation]
            rows[PREDICTIONS.file] = self._write_part(PREDICTIONS, finished.number, None, *found)
        start = self._rounds.tell()
        self._rounds.write(encoded(entry))
        self._rounds.flush()
        evaluated, trained = bool(finished.evaluation), None if bare is None else dict(bare)
        hashes = self._hash.hexdigest(), hashlib.sha256(encoded(entry)).hexdigest()
        self._hash.update(encoded(entry))
        where = Position(
            start=start, end=self._rounds.tell(), evaluated=evaluated, trained=trained, sha256=hashes, rows=rows
        )
        # an interrupt may ask for the checkpoint of the round before
        self._positions = {n: p for n, p in self._positions.items() if n == finished.number - 1}
        self._positions[finished.number] = where

    def _write_part(
        self, of: Table, server_round: int, trained: "pl.DataFrame | None", *evaluated: "pl.DataFrame | None"
    ) -> tuple[int, int]:
        """Write a round's rows of one of the tables, where it has any.

        Returns:
            The table's rows up to this round, without its evaluation and with it.
        """
        frames = [frame for frame in (trained, *evaluated) if frame is not None]
        bare = self._rows[of.file] + (0 if trained is None else trained.height)
        if frames:
            written = BytesIO()
            pl.concat(frames).write_parquet(written)
            content = written.getvalue()
            path = of.part(self.folder, server_round, hashlib.sha256(content).hexdigest())
            with draft(path) as beside:
                beside.write_bytes(content)
            self._unsynced.append(path)
        self._rows[of.file] += sum(frame.height for frame in frames)
        return bare, self._rows[of.file]

    def _checkpoint(self, checkpoint: Checkpoint) -> None:
        for path in self._unsynced:
            with path.open("rb") as part:
                os.fsync(part.fileno())
        os.fsync(self._rounds.fileno())
        for each in tables_of(self.federation.experiment):
            sync(self.folder / each.parts)
        self._unsynced.clear()
        write(
            self.folder / "checkpoints",
            checkpoint,
            self._positions[checkpoint.round],
            self._keep,
            identity(self.manifest),
        )
        self.manifest["theta_sha256"] = theta_sha256(checkpoint.theta)

    def _write_config(self) -> None:
        """Write ``config.toml``, atomically."""
        write_text(self.folder / "config.toml", tomli_w.dumps(kebab(self._whole)))

    def _write_manifest(self) -> None:
        """Write ``manifest.json``, atomically."""
        write_json(self.folder / "manifest.json", self.manifest)


def summarize_record(folder: Path, federation: Federation) -> None:
    """Write ``summary.json`` and ``participation.parquet`` from the rows on disk, where there are any.

    Args:
        folder: The record; its ``clients.parquet`` is whole.
        federation: Whose run it is.
    """
    path = folder / "clients.parquet"
    if path.exists():
        kinds = {
            choice.family.name: scale(choice.kind, federation.experiment.headline) for choice in federation.choices
        }
        rows = pl.read_parquet(path, glob=False)
        summary = summarize(rows, federation.experiment.seed, kinds, federation.experiment)
        summary |= keep_ledger(folder, rows, federation)
        summary |= keep_attributes(folder, federation.experiment.seed)
        write_json(folder / "summary.json", summary)


def hashes_of(folder: Path) -> dict[str, str]:
    """Return for the manifest the hashes of what is whole now."""
    return {key: sha256_of(folder / name) for name, key in HASHED.items() if (folder / name).exists()}


def give_back(folder: Path) -> None:
    """Give back the room that a record holds in reserve."""
    (folder / RESERVE).unlink(missing_ok=True)


def theta_sha256(theta: Vectors) -> str:
    """Hash θ: part names, types, shapes and bits, in the order of the names."""
    digest = hashlib.sha256()
    for part in sorted(theta):
        vector = np.ascontiguousarray(theta[part])
        digest.update(f"{part}:{vector.dtype.str}:{vector.shape};".encode())
        digest.update(vector.tobytes())
    return digest.hexdigest()


def now() -> str:
    """Return the time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def installed(name: str) -> str:
    """Return the version of a package, as it is installed; metafed may run from a checkout that is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
