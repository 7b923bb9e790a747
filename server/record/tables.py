"""The record's tables: a part a round while the run goes on, joined into one file at its end."""

import hashlib
import shutil
from pathlib import Path
from typing import NamedTuple

import polars as pl

from metafed.experiment.settings import Experiment
from server.files import draft


class Table(NamedTuple):
    """One of them.

    Attributes:
        file: The joined table.
        parts: The folder of the parts.
        sha256: The manifest's entry of the joined table's hash.
        always: Whether every run has it, with rows of training too; the other has rows of evaluation alone.
    """

    file: str
    parts: str
    sha256: str
    always: bool

    def of(self, folder: Path) -> list[Path]:
        """Return its parts in a record's folder, in the order of rounds."""
        return sorted((folder / self.parts).glob("*.parquet"))

    def part(self, folder: Path, server_round: int, digest: str) -> Path:
        """Return the place of a round's part, whose name says its SHA-256: it shows by itself that it is damaged."""
        return folder / self.parts / f"{server_round:08d}-{digest}.parquet"


def round_of(part: Path) -> int:
    """Return the round that a part begins with."""
    return int(part.stem.partition("-")[0])


CLIENTS = Table("clients.parquet", "parts", "clients_sha256", always=True)
PREDICTIONS = Table("predictions.parquet", "prediction-parts", "predictions_sha256", always=False)
TABLES = (CLIENTS, PREDICTIONS)
HASHED = {
    **{each.file: each.sha256 for each in TABLES},
    "rounds.jsonl": "rounds_sha256",
    "summary.json": "summary_sha256",
    **{f"{name}.parquet": f"{name}_sha256" for name in ("participation", "attributes", "references")},
}
"""Files that nothing changes once a run has ended, and what the manifest calls their hashes."""
RESERVE, RESERVED = ".reserve", 2**13
"""A file of so many bytes, which gives room to say why a run ended where its disk is full."""


def tables_of(experiment: Experiment) -> tuple[Table, ...]:
    """Return the tables that the record of an experiment has."""
    return tuple(each for each in TABLES if each.always or experiment.keep_predictions)


def join(folder: Path, of: Table = CLIENTS, parts: list[Path] | None = None) -> None:
    """Join the rounds' rows in a record's folder into one file, and remove them.

    Args:
        folder: The record.
        of: Which of its tables.
        parts: The parts that count. Default: all.
    """
    path = folder / of.file
    parts = of.of(folder) if parts is None else parts
    if parts:
        with draft(path) as beside:
            # streamed: a long run's rows need not fit in memory
            pl.scan_parquet(parts, glob=False).sink_parquet(beside, maintain_order=True)
    shutil.rmtree(folder / of.parts, ignore_errors=True)


def ends_as_parquet(path: Path) -> bool:
    """Say whether a file ends as Parquet files do, which shows before all of it is read that one is something else."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        return file.read() == b"PAR1"


def sha256_of(path: Path) -> str:
    """Hash a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
