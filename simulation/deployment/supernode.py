"""``python -m simulation.deployment.supernode``: a SuperNode that waits to be let in.

Flower's SuperNode ends at once where its key is not registered yet. This one tries again for a while: a machine that
joins may be switched on before the operator has registered its key. Once it was let in, its end is ours.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from metafed.data.files.copies import cache
from metafed.experiment.choices import OWN_DATA
from simulation.cli.errors import BadInput
from simulation.cli.exits import BAD_INPUT, complain
from simulation.cli.streams import forgiving
from simulation.deployment.certificates import check_keys
from simulation.deployment.local import node_config, own_folder
from simulation.deployment.processes import program

PAUSE = 3.0
NOT_LET_IN = 1
"""Exit code of flower-supernode that could not join."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    forgiving()
    parser = argparse.ArgumentParser(
        prog="python -m simulation.deployment.supernode",
        description="Join a federation as one of its SuperNodes, as soon as its key is registered.",
    )
    parser.add_argument("--superlink", required=True, help="HOST:PORT")
    parser.add_argument("--number", type=int, required=True, help="which share of the clients: i mod COUNT = NUMBER")
    parser.add_argument("--count", type=int, required=True, help="SuperNodes of the federation")
    parser.add_argument("--keys", type=Path, default=Path("/keys"), help="folder of ca.crt and node.key")
    parser.add_argument("--device", default=os.environ.get("METAFED_DEVICE", "cpu"), help="cpu, cuda, cuda:N or auto")
    parser.add_argument(
        "--share-client-rows",
        choices=("true", "false"),
        default=os.environ.get("METAFED_SHARE_CLIENT_ROWS", "false").lower(),
        help="true: a row a client leaves this node, with its loss, score and group; false: only sums over clients do"
        " (default: METAFED_SHARE_CLIENT_ROWS, or false)",
    )
    parser.add_argument(
        "--own-data",
        default=os.environ.get("METAFED_OWN_DATA", ""),
        metavar="DIR",
        help="folder of tables that hold this node's own people only: --tasks NAME:FILE.toml is read from DIR, by the"
        " file's name alone; without it a table holds everybody, under the path that --tasks names"
        " (default: METAFED_OWN_DATA)",
    )
    parser.add_argument(
        "--cache",
        default=os.environ.get("METAFED_NODE_CACHE", str(cache() / "clients")),
        help="folder for this node's prepared clients, kept from message to message; none: they are made anew each time"
        " (default: METAFED_NODE_CACHE, or metafed/clients in $XDG_CACHE_HOME or ~/.cache)",
    )
    parser.add_argument(
        "--resident",
        default=os.environ.get("METAFED_NODE_RESIDENT", str(cache() / "resident")),
        help="private folder for the socket of the process that stays and answers message after message; none: each"
        " message is answered by a process of its own (default: METAFED_NODE_RESIDENT, or metafed/resident in"
        " $XDG_CACHE_HOME or ~/.cache)",
    )
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait to be let in")
    parser.add_argument("--port", type=int, default=9094, help="port on this machine for the node's own processes")
    given = parser.parse_args(argv)
    if not 0 <= given.number < given.count:
        parser.error(f"--number {given.number}: from 0 to --count {given.count} - 1")
    if given.share_client_rows not in ("true", "false"):
        parser.error(f"METAFED_SHARE_CLIENT_ROWS={given.share_client_rows}: true or false")
    own: dict[str, str | int] = {"device": given.device, "share-client-rows": given.share_client_rows == "true"}
    if given.own_data:
        try:
            own[OWN_DATA] = own_folder(given.own_data)
        except ValueError as error:
            print(f"metafed: --own-data {given.own_data}: {error}", file=sys.stderr)
            return 2
    try:
        check_keys(given.keys, "--keys", "node.key")
    except BadInput as error:
        return complain(error, BAD_INPUT)
    for name in ("cache", "resident"):
        if getattr(given, name) != "none":
            own[name] = str(Path(getattr(given, name)).expanduser().resolve())
    return join(
        [
            program("flower-supernode"),
            *("--superlink", given.superlink),
            *("--root-certificates", str(given.keys / "ca.crt")),
            *("--auth-supernode-private-key", str(given.keys / "node.key")),
            *("--node-config", node_config(given.number, given.count, **own)),
            *("--port", str(given.port)),
        ],
        given.patience,
    )


def join(command: Sequence[str], patience: float) -> int:
    """Run ``command`` until it was let in, and return its exit code; a signal to us is one to it."""
    deadline = time.monotonic() + patience
    stopped = False
    process: subprocess.Popen[bytes] | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        if process is not None:
            process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while True:
        process = subprocess.Popen(command)
        code = process.wait()
        if stopped or code != NOT_LET_IN or time.monotonic() > deadline:
            return code
        print(f"not let in, see above; trying again in {PAUSE:.0f} s", file=sys.stderr, flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main())
