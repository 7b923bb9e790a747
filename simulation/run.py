"""``python -m simulation.run``: simulate federated meta-learning and keep a record of every client."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from simulation.cli.late import late

late("torch")

from metafed.core.source import GENERATED  # noqa: E402
from metafed.experiment.lookup import algorithm_name  # noqa: E402
from simulation.cli.config import Config, parse  # noqa: E402
from simulation.cli.errors import BadInput, RunDiverged, RunFailed  # noqa: E402
from simulation.cli.interrupts import held_back  # noqa: E402

if TYPE_CHECKING:
    from metafed.experiment.settings import Experiment
    from metafed.federation.federation import Federation
    from server.record.record import Record
    from simulation.cli.console import Screen
    from simulation.engines.grid import PoolGrid
    from simulation.runs.pool import Pool

Show = Callable[["Federation", Sequence[str]], None]
"""Is told of a run's federation, and what there is to remark, before its first round."""

DONE, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def simulate(config: Config, screen: "Screen | None" = None, pool: "Pool | None" = None) -> Path:
    """Run what ``config`` says and return the folder of its record.

    Args:
        config: What to run, and how.
        screen: Who is told of it.
        pool: An engine that several runs share; it is left running.

    Raises:
        BadInput: The data, the engine or the folder cannot be used; nothing is left behind.
        RunFailed: The run ended early, by divergence (RunDiverged) or otherwise; the record says so.
        KeyboardInterrupt: The record says so, and holds θ and all finished rounds.
    """
    from simulation.cli.logs import into
    from simulation.runs.kernels import decided
    from simulation.runs.resume import check_data, notes, open_record, where
    from simulation.runs.track import check_tracker, figures, open_tracker

    config = decided(config)
    check_tracker(config.track)
    folder = config.resume or config.out or default_folder(config)
    federation = federated(config.experiment)
    keep = open_record(config, federation, folder, engine_settings(config))
    tracker = None

    def progress(line: dict[str, Any]) -> None:
        if screen:
            screen.round(line)
        if tracker:
            tracker.log(line["round"], figures(line))

    tell: Callable[[str], None] = screen.tell if screen else lambda text: None
    with into(folder / "run.log") as log:
        try:
            found = where(config, keep)
            show = partial(screen.start, config, folder=folder) if screen else lambda federation, remarks: None
            grid, remarks = set_up(config, federation, show, pool.grid if pool else make_grid)
            about = how(config, federation, remarks, grid)
            tracker = open_tracker(config, folder)
            if found is not None:
                check_data(keep, about)
        except BaseException as error:
            if screen:
                screen.stop()
            keep.discard()
            if isinstance(error, KeyboardInterrupt) and config.resume is None:
                raise KeyboardInterrupt("interrupted before the first round; nothing is left behind") from None
            raise
        from server.app import serve
        from server.strategy import Diverged

        reason = "failed"
        try:
            if found is not None:
                keep.go_on(found)
                for note in notes(found):
                    log.info(note)
                    tell(note)
            keep.about(**about)
            start, every = found.checkpoint if found else None, config.checkpoint_every
            serve(grid, federation, keep, progress, config.round_timeout, start, every)
            reason = "done"
        except KeyboardInterrupt:
            reason = "interrupted"
            raise
        except Diverged as error:
            reason = f"diverged: {error}"
            raise RunDiverged(f"{error}; {last_good(keep)}") from error
        except Exception as error:
            log.exception("the run failed")
            raise RunFailed(f"{error} (the traceback is in {folder / 'run.log'})") from error
        finally:
            if screen:
                screen.stop()
            if pool is None:
                grid.close()
            if tracker:
                tracker.close()
            finish(keep, reason)
            if (folder / "summary.json").exists():
                from simulation.report.command import write_report

                write_report(folder)
    return folder


def set_up(
    config: Config, federation: "Federation", show: Show, make: Callable[[Config], "PoolGrid"]
) -> tuple["PoolGrid", Sequence[str]]:
    """Start the engine and look at the clients' data, both at once where that saves time.

    Args:
        config: What to run, and how.
        federation: Whose clients are trained.
        show: Called with it, and with what there is to remark, once its data are found.
        make: Starts the engine, or returns one that runs.

    Raises:
        BadInput: The data or the engine cannot be used. Nothing is left running.
    """
    if config.engine == "local":
        grid = make(config)
        return grid, read(federation, show)
    with held_back() as came:
        import simulation.engines.ray  # noqa: F401  (before the helper starts: two threads import no faster than one)
    if came:
        raise KeyboardInterrupt
    with ThreadPoolExecutor(1) as helper:
        reading = helper.submit(read, federation, show)
        if any(choice.source != GENERATED for choice in federation.choices):
            # a data set may be missing or damaged, which is said before an engine is started; a generator cannot be
            reading.result()
        # on this thread, the main one: Ray's processes end with the thread that started them
        grid = make(config)
        try:
            return grid, reading.result()
        except BaseException:
            grid.close()
            raise


def read(federation: "Federation", show: Show) -> Sequence[str]:
    """Import what the server needs, read what must be there of the data, and return what there is to remark.

    Raises:
        BadInput: A data set is missing, damaged, or has too few clients, or the guard stops the run.
    """
    import server.app  # noqa: F401
    from metafed.core.source import DataError
    from metafed.federation.preflight import preflight

    try:
        remarks = preflight(federation)
    except DataError as error:
        raise BadInput(str(error)) from None
    show(federation, remarks)
    return remarks


def federated(experiment: "Experiment") -> "Federation":
    """Return the process's federation of an experiment.

    Raises:
        BadInput: A user's own table, or a setting that does not fit it, cannot be used.
    """
    from metafed.federation.federation import federation_of

    try:
        return federation_of(experiment)
    except ValueError as error:
        raise BadInput(str(error)) from None


def make_grid(config: Config) -> "PoolGrid":
    """Start the engine.

    Raises:
        BadInput: Device, workers or cluster are not there.
    """
    settings: dict[str, Any] = config.experiment.to_run_config()
    try:
        if config.engine == "local":
            from simulation.engines.local import LocalGrid

            return LocalGrid(settings, config.device)
        from simulation.engines.ray import RayGrid

        own = (config.workers, config.worker_cpus, config.worker_gpus, config.ray_address, config.device)
        with held_back() as came:
            grid = RayGrid(settings, *own)
    except (ValueError, ConnectionError) as error:
        raise BadInput(str(error)) from None
    if came:
        grid.close()
        raise KeyboardInterrupt
    return grid


def finish(keep: "Record", reason: str) -> None:
    """Close the record.

    Raises:
        RunFailed: Something of it could not be written.
    """
    from server.record.writer import WritingFailed

    try:
        keep.finish(reason)
    except WritingFailed as error:
        raise RunFailed(str(error)) from error


def last_good(keep: "Record") -> str:
    """Name the last good checkpoint of a run that diverged."""
    from server.record.resume import last_checkpoint
    from server.record.writer import WritingFailed

    with suppress(WritingFailed):  # which is told when the record is closed
        keep.about()  # what waits is written first
    found = last_checkpoint(keep.folder)
    return f"the last good checkpoint is {found}" if found else "there is no checkpoint yet: no round was finished"


def engine_settings(config: Config) -> dict[str, Any]:
    """Return how the experiment is run, as the manifest and ``config.toml`` hold it."""
    dropped = {"experiment", "quiet", "config", "out", "resume"}
    return config.model_dump(mode="json", exclude=dropped, exclude_none=True)


def how(config: Config, federation: "Federation", remarks: Sequence[str], grid: "PoolGrid") -> dict[str, Any]:
    """Return what the manifest says of how the experiment was run."""
    from server.record.record import file_sha256

    sources = zip(federation.choices, federation.sources, strict=True)
    return {
        "trap": config.experiment.algorithm.trap(config.experiment.evaluation_steps),
        "engine": engine_settings(config),
        "device": grid.device,
        "chunks": {family: size._asdict() for family, size in federation.chunk_sizes.items()},
        "data": {
            f"{choice.family.name}:{choice.source}": {
                "kind": choice.kind,
                "files": {str(file): file_sha256(file) for file in source.files},
                "notes": list(source.notes),
            }
            for choice, source in sources
        },
        "guard": list(remarks),
    }


def default_folder(config: Config) -> Path:
    """Return a folder that says when and what."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    name = algorithm_name(config.experiment.algorithm).replace(":", ".")
    seeds = f"s{config.experiment.seed}-{config.experiment.seed + config.seeds - 1}" if config.seeds else ""
    return Path("runs") / f"{stamp}-{name}-seed{seeds or config.experiment.seed}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        config = (resumed_study(arguments) if "--resume" in " ".join(arguments) else None) or parse(arguments)
    except BadInput as error:
        return complain(str(error), BAD_INPUT)
    from rich.console import Console

    from simulation.cli.console import Screen

    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    several = config.seeds is not None or config.references is not None
    try:
        if several:
            from simulation.runs.study import run_study

            again = config.resume is not None
            folder = run_study(config, console, config.resume or config.out or default_folder(config), again)
        else:
            if config.resume is None:
                config = config.model_copy(update={"out": config.out or default_folder(config)})
            folder = simulate(config, Screen(config, console))
    except BadInput as error:
        return complain(str(error), BAD_INPUT)
    except KeyboardInterrupt as stop:
        return complain(str(stop) or resumable(config), INTERRUPTED)
    except RunFailed as error:
        return complain(str(error), DIVERGED if isinstance(error, RunDiverged) else FAILED)
    if several and not config.quiet:
        from simulation.cli.methods import show_study

        show_study(folder, console)
    elif not config.quiet:
        show(folder, config, console)
    return DONE


def resumed_study(arguments: list[str]) -> Config | None:
    """Return the settings of the study that is to go on; None where ``--resume`` names a single run.

    Raises:
        BadInput: A study cannot go on in this way.
    """
    from simulation.runs.study import resumed

    return resumed(arguments)


def show(folder: Path, config: Config, console: Any) -> None:
    """Print the closing table."""
    import json

    from simulation.cli.console import Screen
    from simulation.cli.tables import closing_table

    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    files = {"report": folder / "report.html", "clients": folder / "clients.parquet", "all": folder}
    Screen(config, console).end(closing_table(summary), files)


def complain(message: str, code: int) -> int:
    """Print one message on standard error."""
    print(f"metafed: {message}", file=sys.stderr)
    return code


def resumable(config: Config) -> str:
    """Say what an interrupted run left, and how it goes on."""
    folder = config.resume or config.out
    command = f"; go on with: python -m simulation.run --resume {folder}" if folder else ""
    return f"interrupted; θ and all finished rounds are in the record{command}"


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
