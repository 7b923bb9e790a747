"""Going on with a record: which of its checkpoints, and taking back what was written after it."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import polars as pl

from metafed.core.errors import DataError
from metafed.data.files.probe import check_parquet
from metafed.experiment.settings import Experiment
from server.checkpoint import Checkpoint, Damaged, Position, paths, read, remove, there, tidy
from server.record.tables import TABLES, Table, ends_as_parquet, round_of, sha256_of, tables_of

FORMAT = 2
"""Version of what a record says. 1: settings of privacy, devices and secure aggregation stood beside the others."""


FREE = ("rounds", "data_dir", "encoder", "chunk")
"""Settings of an experiment that a run may go on with others of: where it ends, where the data are, and how chunks are
cut, of which the result is checked."""


class NotResumable(ValueError):
    """A folder holds no run that can go on; the message says why."""


class Found(NamedTuple):
    """Where a run goes on.

    Attributes:
        checkpoint: After which round; None: from the start.
        position: Where the record stood then.
        passed_over: Why newer checkpoints are not used.
    """

    checkpoint: Checkpoint | None
    position: Position
    passed_over: tuple[str, ...]


def due(experiment: Experiment, server_round: int) -> bool:
    """Say whether clients are evaluated after a round."""
    every = experiment.eval_every
    return server_round in (0, experiment.rounds) or (every > 0 and server_round % every == 0)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a record's manifest.

    Raises:
        NotResumable: There is none.
    """
    try:
        found = dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise NotResumable(
            f"{folder}: holds no record of a run (no manifest.json that can be read); start it anew"
        ) from None
    if found.get("format", 1) != FORMAT:
        raise NotResumable(
            f"{folder}: its record is of format {found.get('format', 1)}, this metafed goes on with format {FORMAT}; it"
            " can be read, compared and reported, and computed again by the version in its manifest.json"
        )
    return found


def identity(manifest: Mapping[str, Any]) -> str:
    """Return a hash of a record's run and of its settings, those of which it depends what a round computes."""
    settings = {key: value for key, value in manifest["experiment"].items() if key not in FREE}
    text = json.dumps([manifest.get("run"), settings], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def find(folder: Path, experiment: Experiment) -> Found:
    """Return the newest checkpoint from which ``experiment`` is computed as if it had never stopped.

    One that is damaged is passed over, as is one of a round that this experiment does not reach, or ends with and was
    not evaluated after, or where a line or a row up to its round is damaged: the rounds since an older one are computed
    again, to the same bits. Nothing is changed.

    Raises:
        NotResumable: ``clients.parquet``, which has the rows of all finished rounds, is damaged; or β falls over
            the run's rounds, and there are to be more of them or fewer.
    """
    manifest = read_manifest(folder)
    before, schedule = manifest["experiment"]["rounds"], experiment.outer_schedule
    if schedule != "constant" and experiment.rounds != before:
        raise NotResumable(
            f"{folder}: its outer rate falls over {before} rounds (--outer-schedule {schedule}), and --rounds"
            f" {experiment.rounds} would be another run; leave --rounds out, or start it anew"
        )
    passed_over, wanted = [], identity(manifest)
    whole = sound_rows(folder, manifest)
    for server_round in there(folder / "checkpoints"):
        if server_round > experiment.rounds:
            passed_over.append(f"the checkpoint of round {server_round} is beyond --rounds {experiment.rounds}")
            continue
        try:
            checkpoint, position = read(folder / "checkpoints", server_round)
        except Damaged as error:
            passed_over.append(f"damaged: {error}")
            continue
        if checkpoint.of != wanted:
            passed_over.append(f"the checkpoint of round {server_round} is of another run or other settings")
        elif not lines_hold(folder / "rounds.jsonl", position):
            passed_over.append(f"rounds.jsonl is shorter than at the checkpoint of round {server_round}, or damaged")
        elif server_round > whole:
            passed_over.append(f"damaged: rows of round {whole + 1}, in {folder}")
        elif not rows_hold(folder, position, server_round):
            passed_over.append(f"rows of rounds up to {server_round} are missing in {folder}")
        elif server_round == experiment.rounds and not position.evaluated:
            passed_over.append(f"the checkpoint of round {server_round}, now the last, was not evaluated after")
        else:
            return Found(checkpoint, position, tuple(passed_over))
    return Found(None, Position(start=0, end=0, evaluated=False), tuple(passed_over))


def sound_rows(folder: Path, manifest: Mapping[str, Any]) -> float:
    """Return the last round up to which all rows of the record can be read; infinity where there is no damage.

    Raises:
        NotResumable: A joined table cannot be read, or is not what its manifest says.
    """
    return min(_sound(folder, table, manifest) for table in TABLES)


def _sound(folder: Path, table: Table, manifest: Mapping[str, Any]) -> float:
    path, known = folder / table.file, manifest.get(table.sha256)
    if path.exists():
        if not ends_as_parquet(path) or known not in (None, sha256_of(path)) or not readable(path):
            raise NotResumable(
                f"{path}: is damaged, or was changed since the run ended, and with it the rows of finished rounds;"
                " start the run anew"
            )
        return math.inf
    return next((round_of(part) - 1 for part in table.of(folder) if not sound(part)), math.inf)


def sound(part: Path) -> bool:
    """Say whether a part has the bits that its name says; one of an older record, which says none, can be read."""
    digest = part.stem.partition("-")[2]
    return ends_as_parquet(part) and (sha256_of(part) == digest if digest else readable(part))


def readable(path: Path) -> bool:
    """Say whether every row of a Parquet file can be read."""
    try:
        check_parquet(path)
    except DataError:
        return False
    return True


def rows_hold(folder: Path, position: Position, last: int) -> bool:
    """Say whether the tables have as many rows up to a checkpoint's round as they had then.

    The round's own may be without those of its evaluation: going on from there has taken them back before.
    """
    for table in TABLES:
        known = (position.rows or {}).get(table.file)
        allowed = known if known is None or position.trained is not None else known[1:]
        if allowed is not None and rows_up_to(folder, table, last) not in allowed:
            return False
    return True


def rows_up_to(folder: Path, table: Table, last: float = math.inf) -> int:
    """Return how many rows a table has of the rounds up to ``last``."""
    files = of_rounds(folder, table, last)
    if not files:
        return 0
    return int(pl.scan_parquet(files, glob=False).filter(pl.col("round") <= last).select(pl.len()).collect().item())


def of_rounds(folder: Path, table: Table, last: float) -> list[Path]:
    """Return the files with the rows of the rounds up to ``last``: the joined one where it is there, or the parts."""
    whole = folder / table.file
    return [whole] if whole.exists() else [path for path in table.of(folder) if round_of(path) <= last]


def lines_hold(path: Path, position: Position) -> bool:
    """Say whether the lines up to a checkpoint's round are those that were written.

    The round's own line may be without its evaluation: going on from there has taken that back before.
    """
    content = b""
    if path.exists():
        with path.open("rb") as file:  # no more of it: what follows may be of any size
            content = file.read(position.end)
    if position.sha256 is None:
        return len(content) == position.end
    before, line = content[: position.start], content[position.start :]
    bare = None if position.trained is None else encoded(position.trained)
    earlier, own = position.sha256
    same = hashlib.sha256(line).hexdigest() == own or (bare is not None and line.startswith(bare))
    return same and hashlib.sha256(before).hexdigest() == earlier


def rewind(folder: Path, rounds: BinaryIO, found: Found, experiment: Experiment) -> None:
    """Take back what the record says beyond ``found``. May be killed at any instant and done again.

    Args:
        folder: The record.
        rounds: Its ``rounds.jsonl``, open for appending.
        found: Where the run goes on.
        experiment: What is computed from now on; an evaluation after a last round that is the last no more is taken
            back, too.
    """
    checkpoints, last = folder / "checkpoints", found.checkpoint.round if found.checkpoint else -1
    for later in there(checkpoints):
        if later > last:
            remove(checkpoints, later)
    tidy(checkpoints, there(checkpoints))
    for name in ("summary.json", "report.html", "participation.parquet", "attributes.parquet"):
        (folder / name).unlink(missing_ok=True)
    bare = found.checkpoint is not None and found.position.evaluated and not due(experiment, last)
    for table in tables_of(experiment):
        _rewind_rows(folder, table, last, bare)
    if not bare:
        rounds.truncate(found.position.end)
    else:
        rounds.truncate(found.position.start)
        rounds.seek(0, os.SEEK_END)
        rounds.write(encoded(found.position.trained or {}))
        rounds.flush()
    rounds.seek(0, os.SEEK_END)


def encoded(line: Mapping[str, Any]) -> bytes:
    """Return a line of ``rounds.jsonl``."""
    return (json.dumps(line, allow_nan=False) + "\n").encode()


def _rewind_rows(folder: Path, table: Table, last: int, bare: bool) -> None:
    """Leave one part that has the rows of the rounds up to ``last``; its evaluation is dropped where ``bare``.

    It is named by the first round, so that going on from an older checkpoint later finds the rounds before that in it.

    Where the joined table is there it counts, and the parts do not: it is written whole from all parts, and is gone
    before a round is added.
    """
    whole, parts = folder / table.file, folder / table.parts
    kept = of_rounds(folder, table, last)
    if last < 0 or not kept:
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir()
        whole.unlink(missing_ok=True)
        return
    wanted = pl.col("round") <= last
    if bare:
        trained = pl.col("phase") == "train" if table.always else pl.lit(value=False)
        wanted &= (pl.col("round") < last) | trained
    draft = folder / f"{table.file}.draft"
    rows = pl.scan_parquet(kept, glob=False).filter(wanted)
    names = rows.collect_schema().names()
    if "name" not in names:  # of a record that is older than this column
        after = names.index("client") + 1
        rows = rows.with_columns(name=pl.lit(None, pl.String)).select(*names[:after], "name", *names[after:])
    rows.sink_parquet(draft, maintain_order=True)
    draft.replace(whole)
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    moved = folder / f"{table.parts}.draft"
    shutil.copyfile(whole, moved)
    moved.replace(table.part(folder, 0, sha256_of(moved)))
    whole.unlink()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the JSON of a record's newest checkpoint."""
    newest = there(folder / "checkpoints")[:1]
    return paths(folder / "checkpoints", newest[0])[0] if newest else None
