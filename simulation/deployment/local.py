"""A federation on this machine: a SuperLink and its SuperNodes as processes, with TLS and keys of their own."""

import json
import os
import secrets
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self, final

from metafed.experiment.choices import OWN_DATA
from simulation import HOME
from simulation.deployment.certificates import OPERATOR, SUPERLINK, issue
from simulation.deployment.errors import NotStarted
from simulation.deployment.leftovers import watch
from simulation.deployment.processes import Process, end_all, environment, free_ports, program
from simulation.deployment.superlink import KEY_FILE

PAUSE = 0.2
STARTING = 120.0
"""Seconds that a process has to start; a busy machine takes its time."""


@final
class LocalFederation:
    """One SuperLink and ``nodes`` SuperNodes on 127.0.0.1, on free ports.

    Args:
        folder: A private folder, for keys, logs and the homes of the processes.
        nodes: SuperNodes; node p hosts the clients i with i mod ``nodes`` = p.
        device: Where the nodes train: cpu, cuda, cuda:N or auto.
        shared: Whether rows of single clients leave the nodes: they are all on this machine, and the record is, too.
        database: File of the SuperLink's state; None keeps it in memory, lost when the SuperLink ends.

    As a context manager it ends all processes on leaving, however it is left; they end as well if we are killed.
    """

    def __init__(
        self, folder: Path, nodes: int, device: str = "cpu", database: Path | None = None, shared: bool = True
    ) -> None:
        self.folder, self.count, self.device, self.database = folder, nodes, device, database
        self.shared = shared
        self.mark = secrets.token_hex(8)
        self.keys, self.logs = folder / "keys", folder / "logs"
        self.port, *self._node_ports = free_ports(1 + nodes)
        self.address = f"127.0.0.1:{self.port}"
        self.processes: dict[str, Process] = {}
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        issue(self.keys, (), self.count, days=7)
        self._watcher = watch(self.mark, self.keys)
        return self

    def __exit__(self, *error: object) -> None:
        end_all(self.mark, list(self.processes.values()))
        if self._watcher is not None:
            self._watcher.communicate(b"ended")
            self._watcher = None  # left twice where an error comes while nobody may disturb

    @property
    def operator(self) -> Path:
        """The operator's folder: certificate, control key, the nodes' public keys."""
        return self.keys / OPERATOR

    def start_superlink(self) -> Process:
        """Start the SuperLink, again if it ended, and wait until it answers.

        Raises:
            NotStarted: It does not.
        """
        own = self.keys / SUPERLINK
        files = {"ssl-ca-certfile": "ca.crt", "ssl-certfile": "server.crt", "ssl-keyfile": "server.key"}
        tls = [word for flag, name in files.items() for word in (f"--{flag}", str(own / name))]
        state = ["--database", str(self.database)] if self.database else []
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        policy = ["--enable-supernode-auth", "--disable-runtime-dependency-installation"]
        process = self.start(
            "superlink",
            # our own code, whatever lies in the current folder
            [sys.executable, "-P", "-m", "simulation.deployment.superlink", *where, *tls, *policy, *state],
            {
                KEY_FILE: str(own / "control.key"),
                "PYTHONPATH": os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")])),
            },
        )
        context = ssl.create_default_context(cafile=str(own / "ca.crt"))
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
        )
        deadline = time.monotonic() + STARTING
        while True:
            try:
                opener.open(f"https://{self.address}/health", timeout=5).close()
                return process
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                if process.ended is not None or time.monotonic() > deadline:
                    raise NotStarted(f"the SuperLink did not start; its log ends with\n{process.tail()}") from None
            time.sleep(PAUSE)

    def start_node(
        self,
        number: int,
        key: Path | None = None,
        root: Path | None = None,
        own_data: str | None = None,
        **config: str | int,
    ) -> Process:
        """Start SuperNode ``number``, again if it ended; does not wait until it has joined.

        Args:
            number: Which share of the clients it hosts.
            key: Its private key. Default: the one made for it.
            root: Certificate of the authority that it trusts. Default: the federation's.
            own_data: Folder of its tables, where these hold its own people only.
            config: More entries of its node config.
        """
        if own_data is not None:
            config[OWN_DATA] = own_data
        own = self.keys / f"node-{number}"
        words = [
            program("flower-supernode"),
            *("--superlink", self.address),
            *("--root-certificates", str(root or own / "ca.crt")),
            *("--auth-supernode-private-key", str(key or own / "node.key")),
            *("--node-config", node_config(number, self.count, **{**self._config(number), **config})),
            *("--port", str(self._node_ports[number])),
        ]
        return self.start(f"supernode-{number}", words)

    def _config(self, number: int) -> dict[str, str | int]:
        kept, stays = self.folder / "kept" / f"supernode-{number}", self.folder / "resident"
        return {"device": self.device, "share-client-rows": self.shared, "cache": str(kept), "resident": str(stays)}

    def start(self, name: str, command: list[str], variables: dict[str, str] | None = None) -> Process:
        """Start a process that is ended with the federation."""
        known = {**environment(self.mark, self.folder / "homes" / name), **(variables or {})}
        self.processes[name] = Process(name, command, self.logs / f"{name}.log", known)
        return self.processes[name]


def own_folder(name: str) -> str:
    """Return the absolute path of a node's folder of tables.

    Raises:
        ValueError: It is no folder, or its path has a comma, by which ``--tasks`` are separated.
    """
    path = Path(name).expanduser().resolve()
    if not name or not path.is_dir():
        raise ValueError("no such folder")
    if "," in str(path):
        raise ValueError("its path must have no comma")
    return str(path)


def node_config(number: int, count: int, **config: str | int) -> str:
    """Return a SuperNode's ``--node-config``: which share of the clients it hosts, and more."""
    entries = {"partition-id": number, "num-partitions": count, **config}
    return " ".join(f"{key}={json.dumps(value)}" for key, value in entries.items())
