"""Which network a family's clients have."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch

from metafed.core.errors import DataError
from metafed.core.parameters import TRUNK, Layout, Params, part_of
from metafed.data.encoder.texts import Texts
from metafed.data.encoder.weights import find
from metafed.data.family import Family, TaskChoice
from metafed.data.sequence import Sequential
from metafed.data.source import Source
from metafed.data.table.source import Own
from metafed.experiment.lookup import imported
from metafed.experiment.settings import Experiment
from metafed.models import Conv4, Inputs, Mlp, Network, SmallConv, factory_of, initialize, layout
from metafed.models.choice import settings_of
from metafed.models.inputs import SEQUENCE, TEXT
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


def factory(experiment: Experiment, family: Family) -> Callable[..., Any] | None:
    """Return what makes the module that a family's clients have; None where their network is no module.

    Raises:
        DataError: It cannot be imported, or is nothing that makes something.
    """
    name = experiment.network_of(family)
    if (place := factory_of(name)) is None:
        return None
    try:
        found = imported("network", place)
        if not callable(found):
            raise DataError("it is no class or function")
    except ValueError as error:
        raise DataError(f"--network {name} for family {family.name!r}: {error}") from None
    return cast(Callable[..., Any], found)


def seen(experiment: Experiment, choice: TaskChoice, source: Source, data_dirs: tuple[Path, ...]) -> Source:
    """Return the source as its network sees it: with sequences or texts for rows, where a module asks for them.

    Raises:
        DataError: It asks for inputs that there are not, or that the source does not offer.
    """
    family, maker = choice.family, factory(experiment, choice.family)
    wanted = getattr(maker, "inputs", None)
    if not isinstance(wanted, str):
        return source
    name = f"--network {experiment.network_of(family)} for family {family.name!r}"
    if wanted == TEXT and (reader := getattr(maker, "reader", None)) is not None:
        if not source.textual:
            offer = _offer(family, source, TEXT)
            raise DataError(f"{name} wants texts, and the data set {choice.source} offers none {offer}")
        settings = settings_of(experiment.network_settings, family.name)
        return cast(Source, Texts(source, lambda: reader(find(experiment.encoder, data_dirs), **settings), name))
    if wanted != SEQUENCE:
        raise DataError(f"{name}: its factory says inputs = {wanted!r}; {SEQUENCE!r} is all that it may ask for")
    if source.sequence is None:
        offer = _offer(family, source, SEQUENCE)
        raise DataError(f"{name} wants sequences, and the data set {choice.source} offers none {offer}")
    return cast(Source, Sequential(source))


def _offer(family: Family, source: Source, what: str) -> str:
    """Return, in brackets, which data sets of a family offer sequences or texts."""
    if isinstance(source, Own):
        columns = "texts, characters or ragged lists" if what == SEQUENCE else "texts"
        return f"(a table does whose one column for the model is of {columns})"
    sources = family.sources.items()
    others = [
        n for n, each in sources if (isinstance(each.sequence, Inputs) if what == SEQUENCE else each.textual is True)
    ]
    return f"(those that do are {', '.join(others)})" if others else "(none of the family does)"


def made(experiment: Experiment, family: Family, source: Source) -> "ModuleNetwork":
    """Return the network that a user's factory makes for one family's clients.

    Raises:
        DataError: It makes none that can be used.
    """
    # here, since it loads PyTorch, which a run of bad settings need not wait for
    from metafed.models.making import make

    name = experiment.network_of(family)
    found = factory(experiment, family)
    assert found is not None, "only families whose network is a module are asked for"
    inputs = Inputs("features", (source.features,)) if family.image is None else Inputs("image", family.image)
    if isinstance(source, Sequential):
        inputs = source.sequence
    arguments: Mapping[str, Any] = settings_of(experiment.network_settings, family.name)
    if isinstance(source, Texts):
        inputs, arguments = source.inputs, {"reader": source.reader}
    dtype = getattr(torch, experiment.precision)
    try:
        return make(found, family.name, inputs, source.outputs, arguments, experiment.seed, dtype)
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
