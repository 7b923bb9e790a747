"""One engine for several runs, one after the other: its workers start once."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from simulation.cli.config import Config

if TYPE_CHECKING:
    from simulation.engines.grid import PoolGrid

ENGINE = {"engine", "workers", "worker_cpus", "worker_gpus", "ray_address", "device"}
"""Settings that an engine is started with."""


@final
class Pool:
    """Starts an engine for the first run that asks, and turns it to the next run's experiment after that.

    Args:
        make: Starts the engine.
    """

    def __init__(self, make: "Callable[[Config], PoolGrid]") -> None:
        self._make = make
        self._grid: PoolGrid | None = None
        self._engine: dict[str, Any] = {}

    def grid(self, config: Config) -> "PoolGrid":
        """Return the engine, ready for the experiment of ``config``; a new one where that wants another engine.

        Raises:
            BadInput: Device, workers or cluster are not there.
        """
        engine = config.model_dump(include=ENGINE)
        if self._grid is not None and engine != self._engine:
            self._grid.close()
            self._grid = None
        if self._grid is None:
            self._grid, self._engine = self._make(config), engine
        else:
            self._grid.turn(config.experiment.to_run_config())
        return self._grid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._grid is not None:
            self._grid.close()
