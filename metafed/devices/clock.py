"""The virtual clock: what a round takes on a device, in seconds and joules. Nothing sleeps.

A round on a device is: latency, θ's parts come down, the update is computed, the update goes up.
"""

from typing import NamedTuple

from metafed.devices.fleet import Device


class Load(NamedTuple):
    """What a round asks of a client: floating-point operations, and bytes down and up."""

    flops: float
    bytes_down: int
    bytes_up: int


class Trip(NamedTuple):
    """One client's round on its device.

    Attributes:
        wait: Seconds before the first byte.
        down: Seconds in which θ comes.
        compute: Seconds in which the update is computed.
        up: Seconds in which it goes.
        watts: Power while computing.
        joules_down: Energy of the radio for all that comes down.
        joules_up: The same for all that goes up.
    """

    wait: float
    down: float
    compute: float
    up: float
    watts: float
    joules_down: float
    joules_up: float

    @property
    def seconds(self) -> float:
        """What all of it takes."""
        return self.wait + self.down + self.compute + self.up

    def joules(self, until: float) -> float:
        """Return the energy that is spent when it is broken off after ``until`` seconds, or over before."""
        if until >= self.seconds:
            return self.joules_down + self.watts * self.compute + self.joules_up
        left = max(until - self.wait, 0.0)
        radio = part(left, self.down) * self.joules_down
        left -= self.down
        computing = self.watts * min(max(left, 0.0), self.compute)
        left -= self.compute
        return radio + computing + part(left, self.up) * self.joules_up


def part(passed: float, whole: float) -> float:
    """Return which part of ``whole`` seconds is over after ``passed`` seconds, 0 … 1."""
    return 0.0 if passed <= 0 else min(passed / whole, 1.0) if whole > 0 else 1.0


def trip(load: Load, device: Device) -> Trip:
    """Return the round on the device that asks for ``load``."""
    tier, speed = device.tier, device.speed
    return Trip(
        wait=tier.latency,
        down=load.bytes_down / (tier.down * speed),
        compute=load.flops / (tier.flops * speed),
        up=load.bytes_up / (tier.up * speed),
        watts=tier.watts,
        joules_down=tier.joules_per_byte * load.bytes_down,
        joules_up=tier.joules_per_byte * load.bytes_up,
    )
