"""Which networks there are, by name, and which families have which."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from metafed.core.names import known
from metafed.models.base import Network
from metafed.models.conv4 import Conv4
from metafed.models.mlp import Mlp
from metafed.models.small_conv import SmallConv

NetworkName: TypeAlias = Literal["mlp", "conv4", "small-conv"]

NETWORKS: dict[str, type[Network]] = {"mlp": Mlp, "conv4": Conv4, "small-conv": SmallConv}

TEXT_ENCODER = "text-encoder"
"""The module that takes texts."""

MODULES = {
    "gru": "metafed.models.gru:Gru",
    "transformer": "metafed.models.transformer:Transformer",
    TEXT_ENCODER: "metafed.data.encoder.network:TextEncoder",
}
"""Modules that come with metafed, by name: what makes them. They take sequences or texts."""

IMAGE_NETWORKS: tuple[NetworkName, ...] = ("conv4", "small-conv")
"""Those that only take images."""

AUTO = "auto"
"""The family's own network."""


def factory_of(network: str) -> str | None:
    """Return ``MODULE:FACTORY`` of what makes a network that is a module; None for the others."""
    return MODULES.get(network, network if ":" in network else None)


def parse_network(text: str) -> dict[str, str]:
    """Parse ``NETWORK``, or ``FAMILY=NETWORK,…``, to networks by family; the name "" stands for all families.

    A network is ``auto``, one of ours, or ``MODULE:FACTORY``; nothing is imported.

    Raises:
        ValueError: A network is unknown, or a family is named twice.
    """
    found: dict[str, str] = {}
    for entry in (item.strip() for item in text.split(",")):
        family, equals, name = entry.rpartition("=")
        if family in found or (not equals and "," in text):
            raise ValueError("write one network for all families, or FAMILY=NETWORK,… with each family once")
        module, colon, factory = name.partition(":")
        if not colon:
            known("network", name, {AUTO: None, **NETWORKS, **MODULES, "MODULE:FACTORY": None})
        elif not all(part.isidentifier() for part in (*module.split("."), factory)):
            raise ValueError(f"{name!r}: write MODULE:FACTORY, with the module's full name")
        found[family] = name
    return found


def flat_settings(settings: Any) -> Any:
    """Return settings of networks with those of one family's, a table of its own, under ``family.key``."""
    if not isinstance(settings, Mapping):
        return settings
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= {f"{key}.{name}": each for name, each in value.items()} if isinstance(value, Mapping) else {key: value}
    return flat


def with_settings(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take apart a table ``[network]``, which files have: its ``name``, and the factory's arguments."""
    table = values.get("network")
    if not isinstance(table, Mapping):
        return values
    if "name" not in table and all(isinstance(value, str) or callable(value) for value in table.values()):
        return values  # networks by family
    own = dict(table)
    return {**values, "network": own.pop("name", AUTO), "network_settings": own or None}


def settings_of(settings: Mapping[str, Any] | None, family: str) -> dict[str, Any]:
    """Return the settings of one family's network: its own, ``family.key``, and those of all."""
    named = family.replace("-", "_")
    parts = [(*key.rpartition("."), value) for key, value in (settings or {}).items()]
    return {
        key: value
        for own in (False, True)
        for whose, _, key, value in parts
        if bool(whose) == own and whose.replace("-", "_") in ("", named)
    }
