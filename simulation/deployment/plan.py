"""The command line of ``python -m simulation.deploy``: what is computed, and by which federation."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from metafed.core.reading import brief
from metafed.faults.plan import described
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.flags import parse as parse_config
from simulation.cli.flags import take_option
from simulation.deployment.certificates import check_keys
from simulation.deployment.closing import manifest
from simulation.deployment.local import own_folder

HELP = """usage: python -m simulation.deploy [--nodes N] [settings of what is computed]

Run an experiment by a Flower SuperLink and SuperNodes: separate processes, TLS, node keys. Without --superlink they
are started here, on free ports, and ended afterwards.

  --nodes N            SuperNodes; node p of N hosts the clients i with i mod N = p (default: 4)
  --node-data DIR,…    a folder for each node, from which it reads the descriptions NAME:FILE.toml of --tasks by the
                       file's name; their tables hold the node's own people only, and FILE.toml here needs no table
  --superlink ADDRESS  HOST:PORT of a SuperLink that runs already; --credentials names the operator's folder
  --credentials DIR    its ca.crt, control.key and the public keys node-0.pub … of the nodes, which are registered
  --records DIR        the folder where that SuperLink's ServerApp writes, seen under the same path here
  --patience SECONDS   how long to wait for nodes to join (default: 300)
  --min-nodes M        go on with M nodes where not all have joined by then; the clients of the others fail in every
                       round, and the record names the nodes (default: all must join)

What is computed: all settings of `python -m simulation.run --help` but for the engine's own (--engine, --workers,
--worker-cpus, --worker-gpus, --ray-address) and --seeds, --references, --track, --checkpoint-every, --keep, --report;
--device is the nodes', --out the record's folder here.
--resume RUN goes on with a record from its last checkpoint, with as many nodes as it had; --rounds may be more.
The kernels are PyTorch's own: Flower sends Python files to the nodes, no C++.
Exit code: 0 the run did all that it was asked for, 1 it did not, 2 bad input, 3 it diverged, 130 interrupted."""

MOST_NODES = 1000
SIMULATIONS = (
    *("engine", "workers", "worker_cpus", "worker_gpus", "ray_address"),
    *("seeds", "references", "track", "checkpoint_every", "keep", "report"),
)
"""Settings that a simulation alone has; where one does nothing it is refused."""


class Remote(NamedTuple):
    """A SuperLink that runs already: its address, the operator's folder, and where its records are seen here."""

    address: str
    credentials: Path
    records: Path


class Plan(NamedTuple):
    """What is asked for."""

    config: Config
    nodes: int
    patience: float
    remote: Remote | None
    node_data: tuple[str, ...] = ()
    fewest: int | None = None


def parse(argv: Sequence[str]) -> Plan:
    """Read the command line.

    Raises:
        BadInput: A value is not allowed.
    """
    rest = list(argv)
    options: dict[str, str | None] = {}
    for flag in ("nodes", "superlink", "credentials", "records", "patience", "node-data", "min-nodes"):
        rest, options[flag] = take_option(rest, f"--{flag}")
    config = parse_config(rest)
    before = None if config.resume is None else nodes_before(config.resume)
    for name in SIMULATIONS:
        if getattr(config, name) != Config.model_fields[name].default:
            flag = "--" + name.replace("_", "-")
            raise BadInput(f"{flag} {getattr(config, name)} does nothing in a deployment; leave it out")
    if any(fault.kind == "worker" for fault in described(config.experiment.faults)):
        raise BadInput("--faults: kind 'worker' needs Ray workers, which a deployment does not have; leave it out")
    if config.experiment.keep_predictions:
        raise BadInput(
            "--keep-predictions: rows are withheld in a deployment: targets and predictions of single rows leave no"
            " node; leave it out, or run a simulation"
        )
    if config.experiment.kernels == "native":
        raise BadInput("--kernels native: Flower sends the nodes Python files only, no C++; choose torch or auto")
    experiment = config.experiment.model_copy(update={"kernels": "torch"})
    node_data = folders_of(options["node-data"])
    nodes = number(options["nodes"], "--nodes", before or len(node_data) or 4)
    if before not in (None, nodes):
        raise BadInput(f"--nodes {nodes}: {config.resume} was computed by {before}; a node hosts i with i mod N = p")
    fewest = None if options["min-nodes"] is None else number(options["min-nodes"], "--min-nodes", nodes)
    if fewest is not None and fewest > nodes:
        raise BadInput(f"--min-nodes {fewest} exceeds --nodes {nodes}; choose at most {nodes}")
    patience = number(options["patience"], "--patience", 300)
    if node_data and len(node_data) != nodes:
        raise BadInput(f"--node-data names {len(node_data)} folders for --nodes {nodes}: one a node")
    check_nodes(nodes, experiment.clients)
    if options["superlink"] is not None and node_data:
        raise BadInput("--node-data is for nodes that are started here; those of --superlink say --own-data themselves")
    remote = remote_of(options["superlink"], options["credentials"], options["records"])
    if remote is None:
        # the processes that we start have our working folder, but a record should not depend on it
        folders = os.pathsep.join(os.path.abspath(each) for each in experiment.data_dir.split(os.pathsep))
        encoder = experiment.encoder and os.path.abspath(experiment.encoder)
        experiment = experiment.model_copy(update={"data_dir": folders, "encoder": encoder})
    return Plan(config.model_copy(update={"experiment": experiment}), nodes, patience, remote, node_data, fewest)


def check_nodes(nodes: int, clients: int) -> None:
    """Refuse more nodes than there are clients.

    Raises:
        BadInput: There are.
    """
    if nodes > clients:
        raise BadInput(f"--nodes {nodes} exceeds --clients {clients}: some node would host nobody")


def nodes_before(folder: Path) -> int:
    """Return how many nodes a deployed run had that is to go on.

    Raises:
        BadInput: It was no deployment, or ended before its nodes had joined.
    """
    about = manifest(folder)
    if (about.get("engine") or {}).get("engine") != "flower" or not isinstance(about.get("nodes"), int):
        raise BadInput(
            f"--resume {folder}: is no record of a deployment whose nodes had joined; a simulation's goes on by"
            " `python -m simulation.run --resume`"
        )
    return int(about["nodes"])


def folders_of(text: str | None) -> tuple[str, ...]:
    """Return the nodes' folders, absolute.

    Raises:
        BadInput: One is no folder.
    """
    found = []
    for name in (text or "").split(",") if text is not None else ():
        try:
            found.append(own_folder(name.strip()))
        except ValueError as error:
            raise BadInput(f"--node-data {name}: {error}") from None
    return tuple(found)


def number(text: str | None, flag: str, default: int) -> int:
    """Return the whole number that ``text`` writes.

    Raises:
        BadInput: It writes none, or one out of range.
    """
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 7 or not 1 <= int(text) <= 10**6:
        raise BadInput(f"{flag} {text[:40]}: a whole number of at least 1, such as {default}")
    if flag == "--nodes" and int(text) > MOST_NODES:
        raise BadInput(f"{flag} {text}: at most {MOST_NODES}; a node hosts as many clients as you like")
    return int(text)


def remote_of(address: str | None, credentials: str | None, records: str | None) -> Remote | None:
    """Return the SuperLink that runs already, if one is named.

    Raises:
        BadInput: One of the three is missing, or is not what it should be.
    """
    if address is None:
        for flag, value in (("--credentials", credentials), ("--records", records)):
            if value is not None:
                raise BadInput(f"{flag} {value} belongs to a SuperLink that runs already: name it by --superlink")
        return None
    host, _, port = address.rpartition(":")
    numbered = port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 2**16
    if not host or set(host) & set(" /") or not host.isprintable() or not numbered:
        raise BadInput(f"--superlink {brief(address)}: HOST:PORT, such as superlink:8000")
    if credentials is None or records is None:
        raise BadInput("--superlink needs --credentials, the operator's folder, and --records, where its records are")
    folder = Path(credentials)
    check_keys(folder, "--credentials", "control.key")
    if not Path(records).is_dir():
        raise BadInput(f"--records {records}: no such folder")
    return Remote(address, folder, Path(records))
