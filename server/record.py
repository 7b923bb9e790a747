"""What a run leaves behind: ``runs/<name>/``, written as it goes, by a thread of its own.

A run that is interrupted or fails loses no finished round; one that is killed loses those that wait to be written,
``server.writer.WAITING`` at most.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from metafed.experiment import Experiment, kebab
from metafed.parameters import Vectors
from metafed.roster import Roster
from metafed.wire import Rows
from server.provenance import git_state
from server.rounds import Round, line
from server.writer import UNWRITTEN, Writer, WritingFailed

UNSPECIFIED = "unspecified"
PACKAGES = ("metafed", "flwr", "ray", "torch", "numpy", "polars", "pydantic")


class Record:
    """The folder of one run.

    Args:
        folder: Must not exist yet; it is made, with its parents.
        experiment: What is computed.
        how: How it is run, for the manifest: engine, workers, files read, and so on.
        settings: Settings of the engine that ``config.toml`` holds beside the experiment.

    Raises:
        FileExistsError: The folder exists. Nothing was touched.
        OSError: It cannot be made.

    All methods that write, but for the construction, raise ``WritingFailed`` where something could not be written
    now or before.
    """

    def __init__(
        self, folder: Path, experiment: Experiment, how: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        import tomli_w

        self.folder = folder
        self.roster = Roster(experiment)
        self._parents = [parent for parent in folder.parents if not parent.exists()]
        folder.mkdir(parents=True)
        (folder / "parts").mkdir()
        (folder / "checkpoints").mkdir()
        whole = {**experiment.model_dump(mode="json", exclude_none=True), **settings}
        (folder / "config.toml").write_text(tomli_w.dumps(kebab(whole)), encoding="utf-8")
        self._parts: list[Path] = []
        self._rounds = (folder / "rounds.jsonl").open("a", encoding="utf-8")
        self.manifest: dict[str, Any] = {
            "argv": sys.argv,
            "experiment": experiment.model_dump(mode="json"),
            "seed": experiment.seed,
            **how,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "git": git_state(),
            "machine": {
                "system": platform.platform(),
                "processor": platform.machine(),
                "cpus": os.cpu_count(),
            },
            "start": now(),
            "end": None,
            "exit_reason": None,
            "theta_sha256": None,
        }
        self._write_manifest()
        self._later = Writer()

    def about(self, **entries: Any) -> None:
        """Add to the manifest what is known only once the data are read and the engine runs."""
        self._later.flush()
        self.manifest |= entries
        self._write_manifest()

    def round(self, finished: Round) -> dict[str, Any]:
        """Have a finished round appended: its line, and a row a client and step. Returns the line at once."""
        entry = line(finished, self.roster)
        self._later(lambda: self._append(finished, entry))
        return entry

    def checkpoint(self, server_round: int, theta: Vectors) -> None:
        """Have θ written as safetensors, atomically, and its hash noted in the manifest; θ must not change then."""
        self._later(lambda: self._checkpoint(server_round, theta))

    def finish(self, reason: str) -> None:
        """Write what waits, join the clients' rows, summarize them, and close the manifest with the reason for ending.

        Where something cannot be written the rest is, as far as possible, and the manifest says so.
        """
        failed: Exception | None = None
        self.manifest |= {"end": now(), "exit_reason": reason}
        for step in (self._later.close, self._rounds.close, self._join, self._summarize, self._write_manifest):
            try:
                step()
            except Exception as error:
                failed = failed or error
                self.manifest["exit_reason"] = f"failed: {failed}"
        if failed is not None:
            raise failed if isinstance(failed, WritingFailed) else WritingFailed(UNWRITTEN.format(failed)) from failed

    def discard(self) -> None:
        """Remove the folder, and the folders around it that were made for it and hold nothing else."""
        self._later.close()
        self._rounds.close()
        shutil.rmtree(self.folder)
        for parent in self._parents:
            try:
                parent.rmdir()
            except OSError:
                return

    def _append(self, finished: Round, entry: Mapping[str, Any]) -> None:
        frames = [
            table(phase, finished.number, rows, self.roster)
            for phase, tables in (("train", finished.training), ("evaluate", finished.evaluation))
            for rows in tables
        ]
        if frames:
            import polars as pl

            path = self.folder / "parts" / f"{finished.number:08d}.parquet"
            pl.concat(frames).write_parquet(path)
            self._parts.append(path)
        self._rounds.write(json.dumps(entry, allow_nan=False) + "\n")
        self._rounds.flush()

    def _checkpoint(self, server_round: int, theta: Vectors) -> None:
        from safetensors.numpy import save_file

        path = self.folder / "checkpoints" / f"round-{server_round:08d}.safetensors"
        draft = path.with_suffix(".draft")
        save_file(dict(theta), draft, metadata={"round": str(server_round)})
        draft.replace(path)
        self.manifest["theta_sha256"] = theta_sha256(theta)

    def _write_manifest(self) -> None:
        """Write ``manifest.json``, atomically."""
        draft = self.folder / "manifest.json.draft"
        draft.write_text(json.dumps(self.manifest, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(self.folder / "manifest.json")

    def _summarize(self) -> None:
        """Write ``summary.json`` from the rows on disk, where there are any."""
        import polars as pl

        from server.summary import summarize

        path = self.folder / "clients.parquet"
        if path.exists():
            experiment = self.roster.experiment
            kinds = {choice.family.name: choice.kind for choice in experiment.choices}
            summary = summarize(pl.read_parquet(path), experiment.seed, kinds)
            text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
            (self.folder / "summary.json").write_text(text, encoding="utf-8")

    def _join(self) -> None:
        import polars as pl

        if self._parts:
            draft = self.folder / "clients.parquet.draft"
            # streamed: a long run's rows need not fit in memory
            pl.scan_parquet(self._parts).sink_parquet(draft, maintain_order=True)
            draft.replace(self.folder / "clients.parquet")
        for path in self._parts:
            path.unlink()
        (self.folder / "parts").rmdir()


def table(phase: str, server_round: int, rows: Rows, roster: Roster) -> "pl.DataFrame":  # type: ignore[name-defined] # noqa: F821
    """Return a tidy frame with a row a client and step; the client is the slow axis."""
    import polars as pl

    count, steps = rows.loss.shape

    def repeat(values: Sequence[Any] | np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(values), steps)

    columns: dict[str, tuple[Any, Any]] = {
        "phase": ([phase] * (count * steps), pl.String),
        "round": (np.full(count * steps, server_round), pl.Int32),
        "client": (repeat(rows.client), pl.Int64),
        "family": ([roster.family(int(rows.client[0]))] * (count * steps), pl.String),
        "group": (repeat(list(rows.group)).tolist(), pl.String),
        "device": ([UNSPECIFIED] * (count * steps), pl.String),
        "seen": (repeat(rows.client < roster.seen), pl.Boolean),
        "step": (np.tile(rows.steps, count), pl.Int16),
        "loss": (rows.loss.ravel(), pl.Float64),
        "score": (rows.score.ravel(), pl.Float64),
        "ceiling": (repeat(rows.ceiling), pl.Float64),
        "n": (repeat(rows.sizes[:, 0]), pl.Int32),
        "support": (repeat(rows.sizes[:, 1]), pl.Int32),
        "query": (repeat(rows.sizes[:, 2]), pl.Int32),
    }
    frame = pl.DataFrame({name: pl.Series(values, dtype=dtype) for name, (values, dtype) in columns.items()})
    return frame.with_columns(pl.col("ceiling").fill_nan(None))


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


def file_sha256(path: Path) -> str:
    """Hash a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
