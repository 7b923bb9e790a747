"""Reads the record of one run, finished or not; what is missing is said, what is damaged is refused."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import polars as pl

from metafed.core.errors import DataError
from metafed.core.reading import LARGEST_RECORD, brief, read_json, read_text
from metafed.data.files.probe import check_parquet
from metafed.experiment.choices import parse_tasks
from metafed.experiment.renames import KEYS, renewed, renewed_keys
from metafed.fairness.summary import summarize
from metafed.families import FAMILIES
from metafed.scores import scale
from metafed.tasks.task import Kind
from server.record.forms import Form, Line, Manifest, Summary, check
from server.record.resume import FORMAT
from server.record.tables import HASHED, ends_as_parquet, sha256_of
from simulation.cli.errors import BadInput
from simulation.cli.resume import check_kinds


@dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
        folder: Where it lies.
        manifest: ``manifest.json``.
        rounds: The lines of ``rounds.jsonl``.
        clients: The rows of ``clients.parquet``, or of the parts of a run that did not end; None if
            there is neither.
        summary: ``summary.json``, or made from ``clients``; None if there are no clients.
        config: The text of ``config.toml``, empty if there is none.
        gaps: What is missing, a sentence each, for the reader of a report.
    """

    folder: Path
    manifest: dict[str, Any]
    rounds: list[dict[str, Any]]
    clients: "pl.DataFrame | None"
    summary: dict[str, Any] | None
    config: str
    gaps: list[str] = field(default_factory=list)

    def called(self, client: int) -> str:
        """Return how a client is named for a reader: by its number, and before that what its data call it."""
        name = self._names.get(client)
        return f"client {client}" if name is None else f"{name} (client {client})"

    @cached_property
    def _names(self) -> dict[int, str]:
        if self.clients is None or "name" not in self.clients.columns:
            return {}
        named = self.clients.select("client", "name").drop_nulls().unique("client", keep="first")
        return {int(client): str(name) for client, name in named.iter_rows()}


def read_run(folder: Path, manifest: Mapping[str, Any] | None = None) -> Run:
    """Read the run in ``folder``; its manifest is given where it is about to be written.

    Raises:
        BadInput: It is no run's folder, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder")
    if not (folder / "manifest.json").is_file():
        raise BadInput(f"{folder}: not the folder of a run (it has no manifest.json)")
    check_kinds(folder)
    gaps: list[str] = []
    manifest = dict(manifest or read_manifest(folder / "manifest.json"))
    if manifest.get("kind") == "study":
        inside = sorted(path.parent.name for path in folder.glob("seed-*/manifest.json"))
        raise BadInput(
            f"{folder}: a study of several runs; name one of them ({', '.join(inside) or 'none has begun'}), or see"
            " python -m simulation.compare"
        )
    reason = manifest.get("exit_reason")
    if reason is None:
        gaps.append("The run has not ended, or was killed: its manifest has no end.")
    elif reason != "done":
        gaps.append(f"The run did not finish: {reason}.")
    rounds = read_rounds(folder / "rounds.jsonl", gaps)
    clients = read_clients(folder, gaps)
    gaps.extend(changed_since(folder, manifest))
    summary = None
    if (folder / "summary.json").is_file():
        summary = renewed_keys(read_object(folder / "summary.json"))
        if not {"round", "inner_steps", "by_family", "seen", "unseen"} <= set(summary):
            raise BadInput(f"{folder / 'summary.json'}: not a run's summary; remove it to have it made anew")
        _check(Summary, summary, folder / "summary.json")
    elif clients is not None:
        gaps.append("summary.json is missing; its numbers were computed from the clients' rows.")
        try:
            summary = summarize(clients, int(manifest.get("seed", 0)), kinds(manifest))
        except ValueError as error:
            raise BadInput(f"{folder}: the clients' rows contradict each other: {error}") from None
    if summary is not None and summary.get("round") is None:
        gaps.append("No round was evaluated, so nothing is known of personalization yet.")
    return Run(folder, manifest, rounds, clients, summary, settings_of(folder), gaps)


def settings_of(folder: Path) -> str:
    """Return the text of a record's ``config.toml``; empty where there is none.

    Raises:
        BadInput: It is no text of settings.
    """
    path = folder / "config.toml"
    try:
        return read_text(path) if path.is_file() else ""
    except DataError as error:
        raise BadInput(str(error)) from None


def changed_since(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Say which files are not what the manifest says, a sentence each; older records say nothing of some."""
    return [
        f"{name} has other bits than when the run ended: it is damaged, or was changed by hand."
        for name, key in HASHED.items()
        if manifest.get(key) is not None and (folder / name).is_file() and sha256_of(folder / name) != manifest[key]
    ]


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest; one of an older format is given the names of today.

    Raises:
        BadInput: It is damaged, or of a later format.
    """
    found = read_object(path)
    form, experiment = found.get("format", 1), found.get("experiment")
    if not isinstance(form, int) or isinstance(form, bool) or form < 1:
        raise BadInput(f"{path}: format {brief(form)}: expected a whole number from 1 to {FORMAT}")
    if form > FORMAT:
        raise BadInput(f"{path}: a record of format {form}, of a later metafed; this one reads up to format {FORMAT}")
    _check(Manifest, found, path)
    if form == 1 and isinstance(experiment, dict):
        found["experiment"] = renewed(experiment)
    return found


def _check(form: type[Form], found: Mapping[str, Any], where: str | Path) -> None:
    try:
        check(form, found, where)
    except DataError as error:
        raise BadInput(str(error)) from None


def kinds(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return how scores of each family that metafed knows are read: its kind as its data has it, or the headline."""
    known: dict[str, Kind] = {name: family.kind for name, family in FAMILIES.items()}
    experiment = manifest.get("experiment")
    tasks = experiment.get("tasks") if isinstance(experiment, Mapping) else None
    for entry in filter(str.strip, tasks.split(",") if isinstance(tasks, str) else ()):
        try:
            known |= {choice.family.name: choice.kind for choice in parse_tasks(entry)}
        except ValueError:  # of another version, or a user's file that is gone: it has no kind that we know
            known.pop(entry.partition(":")[0].strip(), None)
    data = manifest.get("data")
    for task, about in data.items() if isinstance(data, Mapping) else ():
        # what the run itself has written down holds, whatever became of a user's file
        if isinstance(about, Mapping) and about.get("kind") in get_args(Kind):
            known[task.partition(":")[0]] = about["kind"]
    headline = experiment.get("headline") if isinstance(experiment, Mapping) else None
    return {name: scale(kind, headline if isinstance(headline, str) else None) for name, kind in known.items()}


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        BadInput: It does not.
    """
    try:
        value = read_json(path, largest=LARGEST_RECORD)
    except DataError as error:
        raise BadInput(str(error)) from None
    if not isinstance(value, dict):
        raise BadInput(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def read_rounds(path: Path, gaps: list[str]) -> list[dict[str, Any]]:
    """Read ``rounds.jsonl``; a last line that was cut short is left out, and ``gaps`` says so.

    Raises:
        BadInput: Another line is damaged.
    """
    if not path.is_file():
        gaps.append("rounds.jsonl is missing: there is no learning curve.")
        return []
    rounds = []
    for number, text in enumerate(lines_of(path), start=1):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError as well
            if text.endswith(b"\n"):
                raise BadInput(f"{path}, line {number}: not JSON: {brief(error)}") from None
            gaps.append(f"The last line of rounds.jsonl (line {number}) was cut short and is left out.")
            continue
        missing = sorted(IN_A_ROUND - set(line)) if isinstance(line, dict) else ["object"]
        if missing:
            raise BadInput(f"{path}, line {number}: lacks {', '.join(missing)}")
        _check(Line, line, f"{path}, line {number}")
        rounds.append(line)
    return rounds


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of ``rounds.jsonl``, one after the other.

    Raises:
        BadInput: One is longer than ``LONGEST``, which no round's is.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        number = 0
        while text := file.readline(LONGEST):
            number += 1
            if len(text) == LONGEST:
                raise BadInput(f"{path}, line {number}: longer than {LONGEST} bytes: it is damaged")
            yield text


def read_clients(folder: Path, gaps: list[str]) -> "pl.DataFrame | None":
    """Read the clients' rows.

    Raises:
        BadInput: ``clients.parquet`` is damaged or lacks columns.
    """
    path = folder / "clients.parquet"
    if path.is_file():
        return read_parquet(path)
    frames = []
    for part in sorted((folder / "parts").glob("*.parquet")):
        try:
            frames.append(read_parquet(part))
        except BadInput:
            gaps.append(f"parts/{part.name} was cut short and is left out.")
    if frames:
        gaps.append("clients.parquet is missing; the rounds written so far were read instead.")
        return pl.concat(frames)
    gaps.append("clients.parquet is missing: nothing can be said about single clients.")
    return None


IN_A_ROUND = {"round", "failed", "families", "bytes_up", "bytes_down"}
"""What a report uses of a round's line."""

LONGEST = 2**26
"""Bytes of a round's line, at most."""

NAMES = {"phase", "family", "group", "device"}
NUMBERS = {"round", "client", "seen", "step", "loss", "score", "oracle_score", "n", "query"}
"""With ``NAMES``, the columns that a report uses."""


def parquet(path: Path) -> "pl.DataFrame":
    """Read a Parquet file of a record.

    One whose bits nobody vouches for is decoded by another process first: damage may end its reader.

    Raises:
        BadInput: It is none, or damaged.
    """
    try:
        if not vouched(path):
            check_parquet(path)
        return pl.read_parquet(path, glob=False)
    except (OSError, DataError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise BadInput(f"{path}: not readable as Parquet: {brief(error)}") from None


def vouched(path: Path) -> bool:
    """Say whether a file of a record has the bits that its manifest says, or a part those of its name."""
    if not ends_as_parquet(path):
        return False
    if digest := path.stem.partition("-")[2]:
        return sha256_of(path) == digest
    manifest = path.with_name("manifest.json")
    known = read_object(manifest).get(HASHED.get(path.name, "")) if manifest.is_file() else None
    return known is not None and sha256_of(path) == known


def read_parquet(path: Path) -> "pl.DataFrame":
    """Read one Parquet file of clients' rows.

    Raises:
        BadInput: It is damaged or lacks columns.
    """
    frame = parquet(path).rename(KEYS, strict=False)
    missing = sorted((NAMES | NUMBERS) - set(frame.columns))
    if missing:
        raise BadInput(f"{path}: lacks the columns {', '.join(missing)}")
    return frame
