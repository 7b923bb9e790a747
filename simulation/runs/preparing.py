"""What must be there before a run starts: an engine that runs, and data that can be read."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from metafed.core.source import GENERATED, DataError
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.interrupts import held_back

if TYPE_CHECKING:
    from metafed.federation.population import Population
    from simulation.engines.grid import PoolGrid


def set_up(
    config: Config, show: Callable[["Population"], None], make: Callable[[Config], "PoolGrid"]
) -> tuple["PoolGrid", "Population"]:
    """Start the engine and find the population's data, both at once where that saves time.

    Args:
        config: What to run, and how.
        show: Called with the population once its data are found.
        make: Starts the engine, or returns one that runs.

    Raises:
        BadInput: The data or the engine cannot be used. Nothing is left running.
    """
    if config.engine == "local":
        grid = make(config)
        return grid, read(config, show)
    with held_back() as came:
        import simulation.engines.ray  # noqa: F401  (before the helper starts: two threads import no faster than one)
    if came:
        raise KeyboardInterrupt
    with ThreadPoolExecutor(1) as helper:
        reading = helper.submit(read, config, show)
        if any(choice.source != GENERATED for choice in config.experiment.choices):
            # a data set may be missing or damaged, which is said before an engine is started; a generator cannot be
            reading.result()
        # on this thread, the main one: Ray's processes end with the thread that started them
        grid = make(config)
        try:
            return grid, reading.result()
        except BaseException:
            grid.close()
            raise


def read(config: Config, show: Callable[["Population"], None]) -> "Population":
    """Import what the server needs, and read what must be there of the data.

    Raises:
        BadInput: A data set is missing, damaged, or has too few clients, or the guard stops the run.
    """
    # here, on the helper's thread: they load PyTorch, while the engine is starting
    import server.app  # noqa: F401
    from metafed.federation.population import Population

    try:
        population = Population(config.experiment)
        population.check()
    except DataError as error:
        raise BadInput(str(error)) from None
    show(population)
    return population
