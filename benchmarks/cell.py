"""One configuration in a process of its own: it runs a round on request, and says what that took.

The parent imports nothing heavy; the child holds one experiment, its engine and the record of its rounds.
"""

import multiprocessing
import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_bytes
from metafed.core.settings import explain
from metafed.federation.federation import federation_of
from simulation.cli.errors import BadInput

CHUNKS = {"default": 16, "mlp": 50, "null": 50, "conv4": 5}
"""Clients of a chunk, by workload: the same at every size of a cohort."""


@dataclass(frozen=True)
class Setting:
    """What a process measures."""

    workload: str
    population: int
    cohort: int
    engine: str = "local"
    workers: int = 2
    chunk: int | None = None
    tasks: str | None = None
    data_dir: str | None = None
    seed: int = 0

    @property
    def label(self) -> str:
        """A name for people."""
        return f"{self.workload}, population {self.population}, cohort {self.cohort}"


class Failed(RuntimeError):
    """A process could not measure."""


class Cell:
    """A process that measures one setting; to be used in ``with``."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        # a fresh interpreter: what it holds is its own
        context = multiprocessing.get_context("spawn")
        self._line, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, setting))
        self._process.start()
        other.close()

    def __enter__(self) -> "Cell":
        return self

    def __exit__(self, *reason: object) -> None:
        self._line.close()
        self._process.join()

    def ready(self) -> None:
        """Wait until it has its experiment.

        Raises:
            BadInput: The setting cannot be used.
            Failed: It ended.
        """
        self._hear()

    def round(self, number: int) -> dict[str, float | None]:
        """Have round ``number`` run; returns its ``seconds``, and what of them is ``record`` and ``drawing``."""
        return self._ask(number)

    def end(self) -> dict[str, Any]:
        """Close the record; returns bytes at most: ``start`` after the imports, ``peak`` after the last round, that of
        each of the ``workers``, and ``closed`` with the record's closing."""
        return self._ask(None)

    def _ask(self, what: int | None) -> dict[str, Any]:
        try:
            self._line.send(what)
        except OSError:
            raise Failed(f"{self.setting.label}: its process has ended") from None
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        try:
            kind, content = self._line.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            raise Failed(f"{self.setting.label}: its process ended with exit code {code}") from None
        if kind == "refused":
            raise BadInput(content)
        if kind == "failed":
            raise Failed(f"{self.setting.label}: {content}")
        return dict(content)


def serve(line: Connection, setting: Setting) -> None:
    """Be the child: answer what the parent asks until it wants the end, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and closes the line
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    from pydantic import ValidationError

    from metafed.core.errors import DataError

    with tempfile.TemporaryDirectory() as folder:
        bench = None
        try:
            bench = Bench(setting, Path(folder))
            line.send(("ready", {}))
            while (number := line.recv()) is not None:
                line.send(("round", bench.round(number)))
            line.send(("end", bench.end()))
        except ValidationError as error:
            line.send(("refused", explain(error)))
        except DataError as error:
            line.send(("refused", str(error)))
        except (EOFError, BrokenPipeError):
            pass  # the parent is gone
        except Exception as error:
            line.send(("failed", f"{type(error).__name__}: {error}"))
        finally:
            if bench is not None:
                bench.grid.close()


def experiment_of(setting: Setting):
    """Return the experiment of a setting: the workload's, with this population, cohort and data."""
    from benchmarks.workloads import experiment
    from metafed.experiment.settings import Experiment

    base = experiment(setting.workload, 1, setting.chunk or CHUNKS[setting.workload])
    # its 'clients' are the engine's here: one episode each
    own: dict[str, Any] = {"clients": setting.population, "cohort": setting.cohort, "seed": setting.seed}
    own |= {"unseen": Experiment().unseen, "eval_every": 0, "rounds": 10**6}
    own |= {name: value for name in ("tasks", "data_dir") if (value := getattr(setting, name)) is not None}
    return Experiment.model_validate({**base.model_dump(), "algorithm": base.algorithm, **own})


class Bench:
    """One experiment with its engine: rounds as ``server.app.serve`` runs them, record included."""

    def __init__(self, setting: Setting, folder: Path) -> None:
        from metafed.federation.population import Population
        from metafed.federation.preflight import preflight
        from server.asking import record
        from server.record.record import Record
        from server.strategy import MetaStrategy

        self.setting, self.experiment = setting, experiment_of(setting)
        federation = federation_of(self.experiment)
        preflight(federation)
        self.drawing = Stopwatch() if setting.engine == "local" else None
        if self.drawing is not None:
            Population.training = self.drawing.around(Population.training)
        settings = self.experiment.to_run_config()
        if setting.engine == "ray":
            from simulation.engines.ray import RayGrid

            self.grid: Any = RayGrid(settings, workers=setting.workers)
        else:
            from simulation.engines.local import LocalGrid

            self.grid = LocalGrid(settings)
        self.start = peak_bytes()
        self.keep = Record(folder / "run", federation, {}, {})
        self.failures: list[Any] = []
        self.strategy = MetaStrategy(federation, self.observe)
        self.arrays = record(federation.vectors)
        self.strategy.evaluate_first(self.grid, self.arrays, 600)

    def observe(self, finished: Any) -> None:
        """Keep a finished round, as a run does."""
        self.failures += finished.failures
        self.keep.round(finished)

    def round(self, number: int) -> dict[str, float | None]:
        """Run one round.

        Raises:
            RuntimeError: A client failed: its work is missing from what was timed.
        """
        if self.drawing is not None:
            self.drawing.seconds = 0.0
        began = time.perf_counter()
        messages = self.strategy.configure_train(number, self.arrays, None, self.grid)
        arrays, _ = self.strategy.aggregate_train(number, self.grid.send_and_receive(messages))
        computed = time.perf_counter()
        assert arrays is not None, "a round gives a θ"
        self.arrays = arrays
        list(self.strategy.configure_evaluate(number, arrays, None, self.grid))
        self.strategy.aggregate_evaluate(number, [])  # hands the round to the record
        ended = time.perf_counter()
        if self.failures:
            raise RuntimeError(
                f"{len(self.failures)} clients failed; client {self.failures[0].client}: {self.failures[0].reason}"
            )
        drawn = None if self.drawing is None else self.drawing.seconds
        return {"seconds": ended - began, "record": ended - computed, "drawing": drawn}

    def end(self) -> dict[str, Any]:
        """Close the record and return the peaks of memory."""
        workers = worker_bytes() if self.setting.engine == "ray" else []
        if self.setting.engine == "ray" and len(workers) != self.setting.workers:
            raise RuntimeError(f"{len(workers)} Ray workers were found, {self.setting.workers} were started")
        peak = peak_bytes()
        self.keep.finish("done")
        return {"start": self.start, "peak": peak, "workers": workers, "closed": peak_bytes()}


class Stopwatch:
    """Adds up the time spent in a function."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, work):
        """Return ``work``, timed."""

        def timed(*arguments):
            began = time.perf_counter()
            try:
                return work(*arguments)
            finally:
                self.seconds += time.perf_counter() - began

        return timed


def worker_bytes() -> list[int]:
    """Return the peak of every Ray worker that this process started."""
    import psutil

    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile: a worker has not
            if "".join(each.cmdline()[:1]).startswith("ray::Worker"):
                found.append(peak_bytes(each.pid))
    return found
