"""A client's adapted adapter, as a folder that plain transformers and peft load."""

from pathlib import Path

from client.host import Host
from metafed.core.errors import DataError
from metafed.data.encoder.export import export
from metafed.data.encoder.network import TextEncoder
from metafed.federation.federation import Federation
from server.checkpoint import Checkpoint
from simulation.cli.errors import BadInput


def export_adapter(federation: Federation, checkpoint: Checkpoint, client: int, path: Path) -> Path:
    """Adapt a client on its evaluation support set, as an evaluation does, and write its adapter and head.

    Args:
        federation: The clients with their data and networks.
        checkpoint: From whose θ.
        client: Its number.
        path: The folder.

    Raises:
        BadInput: There is no such client, it has no adapter, or the folder cannot be written.
    """
    if isinstance(client, bool) or not isinstance(client, int) or not 0 <= client < federation.experiment.clients:
        raise BadInput(f"client {client!r}: the run has 0 to {federation.experiment.clients - 1}")
    family = federation.roster.family(client)
    model = federation.modules.get(family)
    if model is None or not isinstance(model.module, TextEncoder):
        raise BadInput(f"client {client}: family {family!r} has no adapter; --network text-encoder has one")
    if model.module.adapter.kind == "none":
        raise BadInput(f"client {client}: adapter none trains a head alone; export_torch writes it")
    try:
        *_, last = Host(federation, "cpu").adapting(checkpoint.theta, family, [client], checkpoint.clients)[2]
        values = {place: last[name].detach()[0] for name, place in model.paths.items()}
        if any(values[place].shape != model.shapes[name] for name, place in model.paths.items()):
            raise BadInput(f"client {client}: its algorithm keeps several networks, which are no single adapter")
        export(model.module, values, path)
    except (OSError, DataError) as error:
        raise BadInput(f"{path}: cannot be written: {error}") from None
    return path
