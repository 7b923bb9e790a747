"""The networks, one a file: functions of parameters with a client axis."""

from metafed.models.base import Network, initialize, is_head, is_norm, layout
from metafed.models.choice import IMAGE_NETWORKS, MODULES, NETWORKS, NetworkName, factory_of, parse_network
from metafed.models.conv4 import Conv4
from metafed.models.convolution import Norm
from metafed.models.inputs import Inputs
from metafed.models.mlp import Mlp
from metafed.models.pointwise import Activation
from metafed.models.small_conv import SmallConv
from metafed.models.statistics import without_running_statistics

__all__ = [
    "IMAGE_NETWORKS",
    "MODULES",
    "NETWORKS",
    "Activation",
    "Conv4",
    "Inputs",
    "Mlp",
    "Network",
    "NetworkName",
    "Norm",
    "SmallConv",
    "factory_of",
    "initialize",
    "is_head",
    "is_norm",
    "layout",
    "parse_network",
    "without_running_statistics",
]
