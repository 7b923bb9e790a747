"""Who has which device: drawn for every client from a stream of its own."""

from dataclasses import dataclass
from functools import lru_cache
from math import exp
from typing import NamedTuple, final

import numpy as np

from metafed.core.streams import stream
from metafed.devices.tiers import HOURS, Description, Tier, describe

HOUR = 3600.0


class Device(NamedTuple):
    """One client's device.

    Attributes:
        name: Of its tier.
        tier: What such devices are like.
        zone: Hours ahead of UTC.
        speed: By what its computing and its connection are faster than the tier's.
    """

    name: str
    tier: Tier
    zone: float
    speed: float


@final
@dataclass(frozen=True)
class Fleet:
    """The devices of all clients: a pure function of the seed, the client and its group."""

    seed: int
    description: Description

    def __post_init__(self) -> None:
        # kept by the fleet, not by the class: it goes when the fleet goes
        object.__setattr__(self, "device", lru_cache(maxsize=100_000)(self.device))

    @property
    def needs_groups(self) -> bool:
        """Whether a client's group must be known before its device is."""
        return bool(self.description.by_group)

    def device(self, client: int, group: str) -> Device:
        """Return the client's device."""
        rng = stream(self.seed, "device", client)
        shares = self.description.shares(group)
        edges = np.cumsum(list(shares.values()))
        name = list(shares)[int(np.searchsorted(edges / edges[-1], rng.random(), side="right"))]
        tier, zones = self.description.tiers[name], self.description.time_zones
        zone = zones[int(rng.integers(len(zones)))]
        return Device(name, tier, zone, exp(tier.spread * rng.standard_normal()))

    def online(self, client: int, group: str, now: float) -> bool:
        """Say whether the client's device is there at the virtual time ``now``, in seconds; it changes by the hour."""
        device, hour = self.device(client, group), int(now // HOUR)
        local = int((now / HOUR + device.zone) % HOURS)
        return bool(stream(self.seed, "online", client, hour).random() < device.tier.online[local])


def fleet(devices: str, seed: int) -> Fleet | None:
    """Return the devices that ``--devices.tiers`` names; None where there are none.

    Raises:
        DataError: The description cannot be used.
    """
    return None if devices == "none" else Fleet(seed, describe(devices))
