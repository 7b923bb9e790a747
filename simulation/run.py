"""``python -m simulation.run``: simulate federated meta-learning and keep a record of every client."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

from simulation.late import late

late("torch")

from metafed.lookup import algorithm_name  # noqa: E402
from simulation.config import Config, parse  # noqa: E402
from simulation.errors import BadInput  # noqa: E402

if TYPE_CHECKING:
    from simulation.console import Screen
    from simulation.engines.grid import PoolGrid

DONE, FAILED, BAD_INPUT, DIVERGED, INTERRUPTED = 0, 1, 2, 3, 130


class RunFailed(RuntimeError):
    """A run ended early; its record holds the finished rounds."""


class RunDiverged(RunFailed):
    """Training left the finite numbers."""


def simulate(config: Config, screen: "Screen | None" = None) -> Path:
    """Run what ``config`` says and return the folder of its record.

    Raises:
        BadInput: The data, the engine or the folder cannot be used; nothing is left behind.
        RunFailed: The run ended early, by divergence (RunDiverged) or otherwise; the record says so.
        KeyboardInterrupt: The record says so, and holds θ and all finished rounds.
    """
    from metafed.families.base import DataError
    from metafed.population import Population
    from server.app import serve
    from server.record import Record
    from server.strategy import Diverged
    from simulation.logs import into

    population = Population(config.experiment)
    try:
        population.check()
    except DataError as error:
        raise BadInput(str(error)) from None
    folder = config.out or default_folder(config)
    try:
        keep = Record(folder, config.experiment, how(config, population), engine_settings(config))
    except FileExistsError:
        raise BadInput(f"--out {folder}: exists already; choose another folder or move it away") from None
    except OSError as error:
        raise BadInput(f"--out {folder}: {error.strerror}") from None
    progress: Callable[[dict[str, Any]], None] = screen.round if screen else lambda line: None
    if screen:
        screen.start(config, population.sources, folder)
    with into(folder / "run.log") as log:
        try:
            grid = make_grid(config)
        except (ValueError, ConnectionError) as error:
            shutil.rmtree(folder)
            if screen:
                screen.stop()
            raise BadInput(str(error)) from None
        reason = "failed"
        try:
            serve(grid, config.experiment, keep, progress, config.round_timeout)
            reason = "done"
        except KeyboardInterrupt:
            reason = "interrupted"
            raise
        except Diverged as error:
            reason = f"diverged: {error}"
            raise RunDiverged(str(error)) from error
        except Exception as error:
            log.exception("the run failed")
            raise RunFailed(f"{error} (the traceback is in {folder / 'run.log'})") from error
        finally:
            if screen:
                screen.stop()
            grid.close()
            keep.finish(reason)
            if (folder / "summary.json").exists():
                from simulation.report import write_report

                write_report(folder)
    return folder


def make_grid(config: Config) -> "PoolGrid":
    """Start the engine."""
    settings: dict[str, Any] = config.experiment.to_run_config()
    if config.engine == "local":
        from simulation.engines.local import LocalGrid

        return LocalGrid(settings, config.device)
    from simulation.engines.ray import RayGrid

    return RayGrid(settings, config.workers, config.worker_cpus, config.worker_gpus, config.ray_address, config.device)


def engine_settings(config: Config) -> dict[str, Any]:
    """Return how the experiment is run, as the manifest and ``config.toml`` hold it."""
    dropped = {"experiment", "quiet", "config", "out"}
    return config.model_dump(mode="json", exclude=dropped, exclude_none=True)


def how(config: Config, population: Any) -> dict[str, Any]:
    """Return what the manifest says of how the experiment was run."""
    from server.record import file_sha256

    sources = zip(config.experiment.choices, population.sources, strict=True)
    return {
        "trap": config.experiment.algorithm.trap(config.experiment.evaluation_steps),
        "engine": engine_settings(config),
        "data": {
            f"{choice.family.name}:{choice.source}": {
                "files": {str(file): file_sha256(file) for file in source.files},
                "notes": list(source.notes),
            }
            for choice, source in sources
        },
    }


def default_folder(config: Config) -> Path:
    """Return a folder that says when and what."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S")
    name = algorithm_name(config.experiment.algorithm).replace(":", ".")
    return Path("runs") / f"{stamp}-{name}-seed{config.experiment.seed}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        config = parse(arguments)
    except BadInput as error:
        return complain(str(error), BAD_INPUT)
    from rich.console import Console

    from simulation.console import Screen

    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        folder = simulate(config, Screen(config, console))
    except BadInput as error:
        return complain(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return complain("interrupted; θ and all finished rounds are in the record", INTERRUPTED)
    except RunFailed as error:
        return complain(str(error), DIVERGED if isinstance(error, RunDiverged) else FAILED)
    if not config.quiet:
        show(folder, config, console)
    return DONE


def show(folder: Path, config: Config, console: Any) -> None:
    """Print the closing table."""
    import json

    from simulation.console import Screen
    from simulation.tables import closing_table

    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    files = {"report": folder / "report.html", "clients": folder / "clients.parquet", "all": folder}
    Screen(config, console).end(closing_table(summary), files)


def complain(message: str, code: int) -> int:
    """Print one message on standard error."""
    print(f"metafed: {message}", file=sys.stderr)
    return code


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
