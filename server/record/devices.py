"""The clients' virtual devices, as a record holds them."""

from metafed.core.errors import DataError
from server.record.record import Record


def keep_devices(keep: Record) -> None:
    """Write the clients' devices into the manifest, all numbers of them; nothing where there are none.

    Raises:
        DataError: The run that goes on had others.
    """
    fleet = keep.federation.fleet
    if fleet is None:
        return
    described, before = fleet.description.model_dump(mode="json", by_alias=True), keep.manifest.get("devices")
    if before not in (None, described):
        name = keep.federation.experiment.devices.tiers
        raise DataError(
            f"--devices.tiers {name}: has changed since the run began, whose devices are in its manifest.json"
        )
    keep.about(devices=described)
