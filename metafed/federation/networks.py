"""Which network a family's clients have."""

from typing import Literal

from metafed.data.source import Family, Source
from metafed.experiment.settings import Experiment
from metafed.models import Conv4, Mlp, Network, SmallConv
from metafed.native.choice import resolve


def network(
    experiment: Experiment, family: Family, source: Source, kernels: Literal["auto", "torch", "native"]
) -> Network:
    """Return the network of one family's clients, computed by the given kernels."""
    part, outputs, image = family.name, source.outputs, family.image
    width, activation, norm = experiment.width, experiment.activation, experiment.norm
    filters, computed = experiment.filters or family.filters, resolve(kernels)
    kind = experiment.network_of(family)
    if kind == "mlp" or image is None:  # the experiment has refused other networks where there are no images
        return Mlp(part, outputs, source.features, width, experiment.depth, activation, kernels=computed)
    if kind == "conv4":
        return Conv4(part, outputs, image, filters, norm, activation, kernels=computed)
    return SmallConv(part, outputs, image, filters, width, norm, activation, kernels=computed)
