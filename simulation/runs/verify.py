"""Running a record's experiment again, to see whether every bit agrees."""

import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metafed.core.settings import explain
from simulation.cli.config import Config, check_engine
from simulation.cli.errors import BadInput
from simulation.cli.resume import check_kinds, go_where_it_began, settings_file
from simulation.records.agreement import Difference, first_difference, lines, rows
from simulation.records.runs import read_manifest
from simulation.runs.derived import checkpoint_difference, derived_difference
from simulation.runs.simulate import simulate


def verify(folder: Path, engine: str | None = None, workers: int | None = None) -> str | None:
    """Run the record's experiment again; returns where it differs, None if nowhere.

    What the record derives from its rows is made again from them: ``summary.json`` and the tables beside it. A run
    that stopped early, by an interrupt or by divergence, is run as far as it came.

    Args:
        folder: The record.
        engine: Default: the record's.
        workers: Ray workers. Default: the record's.

    Raises:
        BadInput: There is no record that has ended, or it cannot be run here.
        RunFailed: The run ended early this time.
    """
    check_kinds(folder)
    about, finished = manifest(folder), lines(folder)
    rows(folder)
    if not finished:
        raise BadInput(f"{folder}: holds no finished round")
    last = int(finished[-1]["round"])
    config = Config.from_file(settings_file(folder))
    record = go_where_it_began(folder, config.experiment)
    if engine not in (None, "local", "ray"):
        raise BadInput(f"verify(engine={engine!r}): 'local' or 'ray'")
    given = {name: value for name, value in {"engine": engine, "workers": workers}.items() if value is not None}
    try:
        here = Config.model_validate({**dict(config), **given})
    except ValidationError as error:
        raise BadInput(explain(error)) from None
    check_engine(here, None if workers is not None else config)
    changes: dict[str, Any] = {
        "experiment": config.experiment.model_copy(update={"rounds": last}),
        "quiet": True,
        "references": None,
    }
    with tempfile.TemporaryDirectory(prefix="metafed-verify-") as scratch:
        again = simulate(here.model_copy(update={**changes, "out": Path(scratch) / "run", "track": None}))
        found = first_difference(record, again)
        if found is not None:
            return str(found)
        if last == config.experiment.rounds and about["theta_sha256"] != manifest(again)["theta_sha256"]:
            hashes = (about["theta_sha256"], manifest(again)["theta_sha256"])
            return str(Difference(None, None, f"theta_sha256 is {hashes[0]} and {hashes[1]}"))
        own = Path(scratch) / "derived"
        own.mkdir()
        return checkpoint_difference(record, about, config.experiment, again) or derived_difference(
            record, config.experiment, own
        )


def manifest(folder: Path) -> dict[str, Any]:
    """Return a record's manifest.

    Raises:
        BadInput: There is none, or it is of several runs.
    """
    about = read_manifest(folder / "manifest.json")
    if "theta_sha256" not in about:
        raise BadInput(f"{folder}: holds no record of one run; name a folder that does, such as RUN/seed-0")
    return about
