"""``--seeds`` and ``--references``: several runs that belong together, in one folder, by one engine."""

import json
import shutil
import sys
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import NamedTuple

import tomli_w
from pydantic import ValidationError
from rich.console import Console

from metafed.core.errors import DataError
from metafed.core.reading import LARGEST_RECORD, read_json
from metafed.core.settings import explain
from metafed.experiment.lookup import algorithm_name
from metafed.experiment.settings import kebab
from metafed.federation.federation import Federation
from server.files import held, new_folder, remove, write_json, write_text
from server.record.provenance import started_in
from server.record.record import now
from server.record.writer import unwritten
from simulation.cli.config import Config
from simulation.cli.console import Screen
from simulation.cli.errors import BadInput, RunDiverged, RunFailed, Taken
from simulation.cli.references import parse_references, reference, simple_references
from simulation.engines.start import make_grid
from simulation.records.studies import KIND
from simulation.runs.kernels import decided
from simulation.runs.people import all_people
from simulation.runs.pool import Pool
from simulation.runs.settings import check_apart, engine_settings
from simulation.runs.simulate import Report, simulate
from simulation.runs.summary import write_summary


class Member(NamedTuple):
    """One run of a study.

    Attributes:
        name: Its folder within the study's.
        reference: The reference that it belongs to; None for the study's own algorithm.
        config: What it runs; a record of it alone has the same θ.
    """

    name: str
    reference: str | None
    config: Config


def members(config: Config, folder: Path) -> list[Member]:
    """Return the runs that ``config`` asks for: its own seeds first, then each reference's.

    Raises:
        BadInput: A reference does not fit the experiment.
    """
    seeds = range(config.experiment.seed, config.experiment.seed + (config.seeds or 1))
    found = []
    methods: list[tuple[str | None, dict[str, str]]] = [(None, {}), *parse_references(config.references).items()]
    for name, settings in methods:
        for seed in seeds:
            experiment = config.experiment.model_copy(update={"seed": seed})
            try:
                experiment = Federation(reference(experiment, settings) if settings else experiment).experiment
            except ValidationError as error:
                raise BadInput(f"--references {name}: {explain(error)}") from None
            except DataError as error:
                raise BadInput(str(error)) from None
            path = f"seed-{seed}" if name is None else f"{name}/seed-{seed}"
            beside = ",".join(simple_references(config.references)) or None
            whole = {"seeds": None, "references": beside if name is None else None, "resume": None}
            alone = {**whole, "experiment": experiment, "out": folder / path}
            found.append(Member(path, name, config.model_copy(update=alone)))
    return found


def run_study(
    config: Config,
    console: Console,
    folder: Path,
    again: bool = False,
    pool: Pool | None = None,
    report: Report | None = None,
) -> Path:
    """Run all members by one engine, then write ``summary.json`` across them.

    Args:
        config: What to run.
        console: Where to show it.
        folder: The study's; it must not exist, unless ``again``.
        again: Keep what a study of the same settings has finished there, and run the rest.
        pool: An engine that several studies share; it is left running.
        report: Writes the report of each run.

    Raises:
        BadInput: As for one run; nothing is left behind.
        RunFailed: A run failed, and none was tried after it; or some diverged, and all others were run.
        KeyboardInterrupt: The runs before are whole, and so is the record of the one that was interrupted.
    """
    config = decided(all_people(config))
    planned = members(config, folder)
    with ExitStack() as stack:
        parents = start(config, folder, planned, again, stack)
        return carry_on(config, console, folder, planned, parents, pool, report)


def carry_on(
    config: Config,
    console: Console,
    folder: Path,
    planned: list[Member],
    parents: list[Path],
    pool: Pool | None,
    report: Report | None,
) -> Path:
    """Run the members that are not finished; see ``run_study``, which holds the folder meanwhile."""
    reason, diverged = "failed", []
    try:
        with nullcontext(pool) if pool else Pool(make_grid) as shared:
            for index, member in enumerate(planned):
                if finished(member, folder):
                    continue
                shutil.rmtree(folder / member.name, ignore_errors=True)
                what = member.reference or algorithm_name(config.experiment.algorithm)
                heading = f"run {index + 1} of {len(planned)}: {what}, seed {member.config.experiment.seed}"
                known = any(other.reference == member.reference for other in planned[:index])
                try:
                    simulate(member.config, Screen(member.config, console, heading, known), shared, report)
                except RunDiverged as error:
                    diverged.append(f"{member.name}: {error}")
        reason = "done" if not diverged else f"diverged: {'; '.join(diverged)}"
    except KeyboardInterrupt as stop:
        reason = "interrupted"
        if not begun(folder, planned):
            raise
        message = f"interrupted; what is finished is kept; go on with: python -m simulation.run --resume {folder}"
        raise KeyboardInterrupt(message) from stop
    except BadInput:
        reason = "bad input"
        raise
    finally:
        if begun(folder, planned):
            close(folder, planned, reason)
        else:
            remove(folder, parents)
    if diverged:
        raise RunDiverged(f"{len(diverged)} of {len(planned)} runs diverged; {diverged[0]}")
    return folder


def start(config: Config, folder: Path, planned: list[Member], again: bool, stack: ExitStack) -> list[Path]:
    """Make the study's folder with its manifest and ``config.toml``; return the parents that were made for it.

    The folder is held by this process until ``stack`` ends.

    Raises:
        Taken: It exists.
        BadInput: It cannot be made, holds another study, or another process runs it.
    """
    whole = {**config.experiment.model_dump(mode="json", exclude_none=True), **engine_settings(config)}
    text = tomli_w.dumps(kebab(whole))
    before = folder / "config.toml"
    check_apart(folder)
    if again and before.is_file() and before.read_text(encoding="utf-8") != text:
        raise BadInput(f"{folder}: holds runs of other settings (its config.toml); choose another folder")
    about = {
        "kind": KIND,
        "argv": sys.argv,
        "started_in": started_in(folder),
        "experiment": config.experiment.model_dump(mode="json"),
        "seeds": sorted({member.config.experiment.seed for member in planned}),
        "references": list(parse_references(config.references)),
        "members": [member.name for member in planned],
        "start": now(),
        "end": None,
        "exit_reason": None,
    }
    try:
        with new_folder(folder, there=again and folder.exists()) as made:
            stack.enter_context(held(folder))
            check_members(planned, folder)
            write_text(folder / "config.toml", text)
            write_json(folder / "manifest.json", about)
    except FileExistsError:
        raise Taken(f"--out {folder}: exists already; choose another folder or move it away") from None
    except BlockingIOError:
        raise BadInput(f"{folder}: another process computes its runs; wait for it, or choose another folder") from None
    except OSError as error:
        raise BadInput(f"--out {folder}: {error.strerror}") from None
    return made


def check_members(planned: list[Member], folder: Path) -> None:
    """Refuse to go on where a run is there that would be lost: what is not finished is removed and computed again.

    Raises:
        BadInput: A manifest cannot be read, or a finished run is of other settings.
    """
    for member in planned:
        path = folder / member.name / "manifest.json"
        if not path.exists():
            continue
        try:
            manifest = read_json(path, largest=LARGEST_RECORD)
        except DataError as error:
            raise BadInput(f"{error}; move {path.parent} away to have it computed again") from None
        done = not isinstance(manifest, dict) or manifest.get("exit_reason") == "done"
        if done and not finished(member, folder):
            raise BadInput(
                f"{path}: is not that of this study's run; move {path.parent} away to have it computed again"
            )


def begun(folder: Path, planned: list[Member]) -> bool:
    """Say whether any member has a record."""
    return any((folder / member.name / "manifest.json").is_file() for member in planned)


def finished(member: Member, folder: Path) -> bool:
    """Say whether the member's record is there, whole, and of the same experiment."""
    try:
        manifest = read_json(folder / member.name / "manifest.json", largest=LARGEST_RECORD)
    except DataError:
        return False
    if not isinstance(manifest, dict):
        return False
    same = bool(manifest.get("experiment") == member.config.experiment.model_dump(mode="json"))
    return same and manifest.get("exit_reason") == "done"


def close(folder: Path, planned: list[Member], reason: str) -> None:
    """Close the manifest, and summarize what is there.

    Raises:
        RunFailed: It cannot be written.
    """
    done = [member.name for member in planned if finished(member, folder)]
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        write_json(folder / "manifest.json", {**manifest, "end": now(), "exit_reason": reason, "finished": done})
        write_summary(folder)
    except OSError as error:
        raise RunFailed(unwritten(error)) from error
