"""One run: the engine is started, the data are read, the rounds are computed, and the record is closed."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from metafed.core import session
from metafed.core.digits import digits
from metafed.data.table.labels import label_rows
from metafed.federation.federation import Federation
from server.record.record import Record
from server.record.resume import last_checkpoint
from server.record.tables import sha256_of
from server.record.writer import WritingFailed
from simulation.cli.config import Config
from simulation.cli.console import Screen
from simulation.cli.errors import BadInput, RunDiverged, RunFailed, StopRun
from simulation.cli.interrupts import held_back
from simulation.cli.logs import into
from simulation.cli.references import simple_references
from simulation.engines.start import make_grid
from simulation.runs.kernels import decided
from simulation.runs.people import all_people
from simulation.runs.pool import Pool
from simulation.runs.preparing import federated, set_up
from simulation.runs.references import compute
from simulation.runs.references import summarize as add_references
from simulation.runs.resume import check_data, notes, open_record, where
from simulation.runs.settings import default_folder, engine_settings, first_free
from simulation.runs.track import check_tracker, figures, open_tracker

if TYPE_CHECKING:
    from simulation.engines.grid import PoolGrid

RESUMABLE = "interrupted; θ and all finished rounds are in the record; go on with: python -m simulation.run --resume {}"
"""What is said of a run that was interrupted."""

Callback: TypeAlias = Callable[[dict[str, Any]], object]
"""Sees the line of ``rounds.jsonl`` of every finished round, a copy; it may raise ``StopRun``."""
Report: TypeAlias = Callable[..., object]
"""Writes the report of the record in a folder; ``manifest=`` is as it will be."""


def simulate(
    config: Config,
    screen: Screen | None = None,
    pool: Pool | None = None,
    report: Report | None = None,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Run what ``config`` says and return the folder of its record.

    Args:
        config: What to run, and how.
        screen: Where it is shown.
        pool: An engine that several runs share; it is left running.
        report: Writes the report of the record in a folder, where there is something to report.
        callbacks: Called with each finished round.

    Raises:
        BadInput: The data, the engine or the folder cannot be used; nothing is left behind.
        RunFailed: The run ended early, by divergence (RunDiverged) or otherwise; the record says so.
        KeyboardInterrupt: The record says so, and holds θ and all finished rounds.
    """
    config = decided(all_people(config))
    check_tracker(config.track)
    federation = federated(config.experiment)
    config = config.model_copy(update={"experiment": federation.experiment})
    keep = first_free(
        config.resume or config.out,
        default_folder(config),
        lambda folder: open_record(config, federation, folder, engine_settings(config)),
    )
    folder, tracker = keep.folder, None

    def progress(line: dict[str, Any]) -> None:
        if screen:
            screen.round(line)
        if tracker:
            tracker.log(line["round"], figures(line))
        for callback in callbacks:
            callback(deepcopy(line))  # it sees the round, and cannot change it

    tell: Callable[[str], None] = screen.tell if screen else lambda text: None
    with ExitStack() as stack:
        try:
            log = stack.enter_context(into(folder / "run.log"))
        except OSError as error:
            keep.discard()
            raise BadInput(f"{folder / 'run.log'}: {error.strerror}") from None
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
        # here, since it loads Flower and PyTorch, which ``set_up`` did while the engine was starting
        from server.app import serve
        from server.endings import Diverged

        reason = "failed"
        try:
            if found is not None:
                keep.go_on(found)
                for note in notes(found):
                    log.info(note)
                    tell(note)
            keep.about(**about)
            start, every = found.checkpoint if found else None, config.checkpoint_every
            try:
                serve(grid, federation, keep, progress, config.round_timeout, start, every)
                end = "done"
            except StopRun as stop:  # what was asked for beside the rounds is computed all the same
                end = f"stopped by a callback: {stop}"
            if names := simple_references(config.references):
                compute(folder, federation, names, tell)
            if stopped := keep.manifest.get("stopped_early"):
                tell(
                    "stopped early: the mean score of the validation clients was best after round"
                    f" {stopped['best_round']}, {digits(stopped['best'])}; θ is that of the last round"
                )
            reason = end
        except KeyboardInterrupt as stop:
            reason = "interrupted"
            raise KeyboardInterrupt(RESUMABLE.format(folder)) from stop
        except Diverged as error:
            reason = f"diverged: {error}"
            raise RunDiverged(f"{error}; {last_good(keep)}") from error
        except Exception as error:
            log.exception("the run failed")
            raise RunFailed(f"{error} (the traceback is in {folder / 'run.log'})") from error
        finally:
            # a second Ctrl-C must not cut short what makes the record whole
            with held_back(), ThreadPoolExecutor(1) as helper:
                if screen:
                    screen.stop()
                # Ray takes more than a second to stop, nearly all of it waiting, in which the report is drawn
                closing = None if pool else helper.submit(grid.close)
                if tracker:
                    tracker.close()
                finish(keep, reason, report if config.report else None)
                if closing:
                    closing.result()
    return folder


def finish(keep: Record, reason: str, report: Report | None = None) -> None:
    """Close the record; the manifest, which says that it has ended, is written last.

    Raises:
        RunFailed: Something of it could not be written.
    """

    def write(manifest: Mapping[str, Any]) -> None:
        add_references(keep.folder)
        if report is not None and (keep.folder / "summary.json").exists():
            report(keep.folder, manifest=manifest)

    try:
        keep.finish(reason, write)
    except WritingFailed as error:
        raise RunFailed(str(error)) from error


def last_good(keep: Record) -> str:
    """Name the last good checkpoint of a run that diverged."""
    with suppress(WritingFailed):  # which is raised again when the record is closed
        keep.about()  # what waits is written first
    found = last_checkpoint(keep.folder)
    return f"the last good checkpoint is {found}" if found else "there is no checkpoint yet: no round was finished"


def how(config: Config, federation: Federation, remarks: Sequence[str], grid: "PoolGrid") -> dict[str, Any]:
    """Return what the manifest says of how the experiment was run."""
    sources = zip(federation.choices, federation.sources, strict=True)
    return {
        "evaluation_warning": config.experiment.algorithm.evaluation_warning(config.experiment.evaluation_steps),
        "family_rates": federation.family_rates,
        "engine": engine_settings(config),
        "device": grid.device,
        "networks": federation.about_modules,
        "chunks": {family: size._asdict() for family, size in federation.chunk_sizes.items()},
        "data": {
            f"{choice.family.name}:{choice.source}": {
                "kind": choice.kind,
                "files": {str(file): sha256_of(file) for file in source.files},
                "notes": list(source.notes),
                **({"label_rows": rows} if (rows := label_rows(source)) else {}),
            }
            for choice, source in sources
        },
        "guard": list(remarks),
        **({"session": known} if (known := sorted(session.named(config.experiment.to_run_config().values()))) else {}),
    }
