"""Which network a family's clients have."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import torch

from metafed.core.errors import DataError
from metafed.core.parameters import TRUNK, Layout, Params, part_of
from metafed.data.family import Family
from metafed.data.source import Source
from metafed.experiment.lookup import imported
from metafed.experiment.settings import Experiment
from metafed.models import Conv4, Inputs, Mlp, Network, SmallConv, initialize, layout
from metafed.native.choice import resolve

if TYPE_CHECKING:
    from metafed.models.module import ModuleNetwork


def network(
    experiment: Experiment, family: Family, source: Source, kernels: Literal["auto", "torch", "native"]
) -> Network:
    """Return the network of ours that one family's clients have, computed by the given kernels."""
    part, outputs, image = family.name, source.outputs, family.image
    width, activation, norm = experiment.width, experiment.activation, experiment.norm
    filters, computed = experiment.filters or family.filters, resolve(kernels)
    kind = experiment.network_of(family)
    if kind == "mlp" or image is None:  # the experiment has refused other networks where there are no images
        return Mlp(part, outputs, source.features, width, experiment.depth, activation, kernels=computed)
    if kind == "conv4":
        return Conv4(part, outputs, image, filters, norm, activation, kernels=computed)
    return SmallConv(part, outputs, image, filters, width, norm, activation, kernels=computed)


def made(experiment: Experiment, family: Family, source: Source) -> "ModuleNetwork":
    """Return the network that a user's factory makes for one family's clients.

    Raises:
        DataError: It makes none that can be used.
    """
    # here, since it loads PyTorch, which a run of bad settings need not wait for
    from metafed.models.making import make

    name = experiment.network_of(family)
    inputs = Inputs("features", (source.features,)) if family.image is None else Inputs("image", family.image)
    arguments, dtype = experiment.network_settings or {}, getattr(torch, experiment.precision)
    try:
        factory = imported("network", name)
        if not callable(factory):
            raise DataError("it is no class or function")
        return make(factory, family.name, inputs, source.outputs, arguments, experiment.seed, dtype)
    except ValueError as error:
        raise DataError(f"--network {name} for family {family.name!r}: {error}") from None


def initial(
    networks: Mapping[str, Network], modules: "Mapping[str, ModuleNetwork]", seed: int, dtype: "torch.dtype"
) -> Params:
    """Return the initial parameters of all networks by name, the trunk first: ours drawn, modules' as they were made.

    The trunk's are those of the first family whose module has one.

    Raises:
        DataError: Families that share the trunk do not have the same one.
    """
    shapes = layout(networks).shapes
    trunks = {
        family: {name: shape for name, shape in model.shapes.items() if part_of(name) == TRUNK}
        for family, model in networks.items()
    }
    first, *others = [family for family, trunk in trunks.items() if trunk] or [""]
    for family in others if modules else ():
        if trunks[family] != trunks[first]:
            raise DataError(
                f"--network: families {first!r} and {family!r} share the trunk, but their networks' trunks differ in"
                " names or shapes; give them the same, or name no trunk in one of them"
            )
    given = {name: value for model in reversed([*modules.values()]) for name, value in model.initial.items()}
    drawn = initialize(Layout({name: shape for name, shape in shapes.items() if name not in given}), seed, dtype)
    return {name: given[name] if name in given else drawn[name] for name in shapes}
