"""Networks with frozen values, for the workers of an engine: made once by the driver, their constants shared by all."""

import io
import pickle
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from ray import cloudpickle
from torch import nn

from metafed.core.errors import DataError
from metafed.experiment.settings import Experiment
from metafed.federation.federation import federation_of
from metafed.models.choice import AUTO, factory_of, parse_network
from metafed.models.module import ModuleNetwork


class Apart(NamedTuple):
    """A network, and apart from it its constants: all processes of a machine read one copy of arrays in Ray's store.

    Attributes:
        network: The network without its constants, pickled; None where it cannot be.
        values: Of each constant, by its path in the module: its bytes, its type and its shape.
        sha256: Of all constants, as the manifest has it.
    """

    network: bytes | None
    values: "Mapping[str, tuple[np.ndarray[Any, np.dtype[np.uint8]], torch.dtype, torch.Size]]"
    sha256: str


def apart(run_config: Mapping[str, Any]) -> dict[str, Apart]:
    """Return the networks of an experiment that have frozen values, by family; none where one cannot be used."""
    if not any(map(factory_of, parse_network(str(run_config.get("network", AUTO))).values())):
        return {}
    with suppress(DataError):  # a worker makes it, too, and its answers say why
        modules = federation_of(Experiment.from_run_config(dict(run_config))).modules
        return {family: _apart(network) for family, network in modules.items() if network.constants}
    return {}


def lend(run_config: Mapping[str, Any], networks: Mapping[str, Apart]) -> None:
    """Have this process use the networks of another one for an experiment. What is wrong is said when one is used."""
    with suppress(Exception):  # the experiment cannot be used: the answer to a message says so
        federation = federation_of(Experiment.from_run_config(dict(run_config)))
        federation.lent = {family: partial(_whole, family, each) for family, each in networks.items()}


def _apart(network: ModuleNetwork) -> Apart:
    # a subclass may know more than its numbers
    own = {path: value for path, value in network.constants.items() if type(value) in (torch.Tensor, nn.Parameter)}
    paths = {id(value): (path, isinstance(value, nn.Parameter)) for path, value in own.items()}

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Leaves constants out."""

        def persistent_id(self, thing: Any) -> tuple[str, bool] | None:
            """Return a constant's path, and whether it is a parameter."""
            return paths.get(id(thing))

    file, pickled = io.BytesIO(), None
    with suppress(Exception):  # a module's parts raise what they like, such as parametrizations
        Pickler(file).dump(network)
        pickled = file.getvalue()
    values = {
        path: (value.detach().contiguous().view(-1).view(torch.uint8).numpy(), value.dtype, value.shape)
        for path, value in own.items()
    }
    return Apart(pickled, values, network.about["frozen_sha256"])


def _whole(family: str, own: Apart, make: Callable[[], ModuleNetwork]) -> ModuleNetwork:
    """Return a network with the constants that are shared; ``make`` makes it anew where it could not be pickled.

    Raises:
        DataError: Its constants are not those of the driver.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # must not be written; no forward does, as ``tried`` has seen
        shared = {n: torch.from_numpy(a).view(kind).view(shape) for n, (a, kind, shape) in own.values.items()}

    class Unpickler(pickle.Unpickler):
        """Puts constants in."""

        def persistent_load(self, pid: tuple[str, bool]) -> torch.Tensor:
            """Return a constant."""
            path, parameter = pid
            return nn.Parameter(shared[path], requires_grad=False) if parameter else shared[path]

    if own.network is None:
        network = make()
        for path, value in network.constants.items():
            if path in shared and (value.shape, value.dtype) == (shared[path].shape, shared[path].dtype):
                value.data = shared[path]
    else:
        network = Unpickler(io.BytesIO(own.network)).load()
    if network.about["frozen_sha256"] != own.sha256:
        raise DataError(f"--network: a worker's frozen values of family {family!r} are not those of this process")
    return network
