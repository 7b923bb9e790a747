"""Which networks there are, by name."""

from typing import Literal, TypeAlias

from metafed.models.base import Network
from metafed.models.conv4 import Conv4
from metafed.models.mlp import Mlp
from metafed.models.small_conv import SmallConv

NetworkName: TypeAlias = Literal["mlp", "conv4", "small-conv"]

NETWORKS: dict[NetworkName, type[Network]] = {"mlp": Mlp, "conv4": Conv4, "small-conv": SmallConv}

IMAGE_NETWORKS: tuple[NetworkName, ...] = ("conv4", "small-conv")
"""Those that only take images."""
