"""Starting the engine that a configuration asks for; which of the two is loaded, with Flower, is known only here."""

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.interrupts import held_back

if TYPE_CHECKING:
    from simulation.engines.grid import PoolGrid


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
