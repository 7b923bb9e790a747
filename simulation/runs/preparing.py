"""What must be there before a run starts: an engine that runs, and data that can be read."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from metafed.core.errors import DataError
from metafed.data.source import GENERATED
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation, hand_on, taken
from metafed.models import factory_of
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.interrupts import whole_imports

if TYPE_CHECKING:
    from simulation.engines.grid import PoolGrid

Show: TypeAlias = Callable[[Federation, Sequence[str]], None]
"""Called with a run's federation, and what there is to remark, before its first round."""


def set_up(
    config: Config, federation: Federation, show: Show, make: Callable[[Config], "PoolGrid"]
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
    with whole_imports():
        # before the helper starts: two threads import no faster than one, and PyTorch cannot be imported by two
        import simulation.engines.ray  # noqa: F401
    with ThreadPoolExecutor(1) as helper:
        reading = helper.submit(read, federation, show)
        networks = [factory_of(federation.experiment.network_of(choice.family)) for choice in federation.choices]
        if any(networks) or any(choice.source != GENERATED for choice in federation.choices):
            # a data set may be missing or damaged, which is said before an engine is started; a generator cannot be.
            # a module is made once, under PyTorch's one generator, and lent to the workers
            reading.result()
        # on this thread, the main one: Ray's processes end with the thread that started them
        grid = make(config)
        try:
            return grid, reading.result()
        except BaseException:
            grid.close()
            raise


def federated(experiment: Experiment) -> Federation:
    """Make the federation of an experiment, which server and hosts of this process find.

    Raises:
        BadInput: A user's own table, or a setting that does not fit it, cannot be used.
    """
    try:
        return hand_on(taken(experiment))
    except ValueError as error:
        raise BadInput(str(error)) from None


def read(federation: Federation, show: Show) -> Sequence[str]:
    """Import what the server needs, read what must be there of the data, and return what there is to remark.

    Raises:
        BadInput: A data set is missing, damaged, or has too few clients, or the guard stops the run.
    """
    with whole_imports():
        # here, on the helper's thread: they load PyTorch, while the engine is starting
        import server.app  # noqa: F401
        from metafed.federation.preflight import preflight

    try:
        remarks = preflight(federation)
    except DataError as error:
        raise BadInput(str(error)) from None
    show(federation, remarks)
    return remarks
