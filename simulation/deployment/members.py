"""``python -m simulation.deployment.members``: who takes part in a federation; register and expel nodes, stop a run."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import simulation.cli.start  # noqa: F401  (first: it puts heavy packages off)
from simulation.cli.errors import BadInput
from simulation.cli.exits import BAD_INPUT, DONE, FAILED, complain
from simulation.cli.streams import forgiving
from simulation.deployment.certificates import check_keys
from simulation.deployment.control import UNREGISTERED, Control
from simulation.deployment.errors import Refused


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    forgiving()
    parser = argparse.ArgumentParser(
        prog="python -m simulation.deployment.members",
        description="List, register and expel the SuperNodes of a federation; stop a run.",
    )
    parser.add_argument("--superlink", required=True, help="HOST:PORT")
    parser.add_argument("--credentials", type=Path, required=True, help="the operator's folder: ca.crt, control.key")
    todo = parser.add_subparsers(dest="todo", required=True)
    todo.add_parser("list", help="show all nodes that are or were registered")
    register = todo.add_parser("register", help="let a node take part")
    register.add_argument("key", type=Path, help="its public key, node.pub")
    register.add_argument("--name", default="", help="what to call it (default: the file's name)")
    expel = todo.add_parser("expel", help="let a node take part no longer, for good")
    expel.add_argument("node", help="its id or its name")
    stop = todo.add_parser("stop", help="stop a run")
    stop.add_argument("run", type=int, help="its id")
    given = parser.parse_args(argv)
    try:
        check_keys(given.credentials, "--credentials", "control.key")
    except BadInput as error:
        return complain(error, BAD_INPUT)
    try:
        with Control(given.superlink, given.credentials) as control:
            if given.todo == "list":
                for node in control.nodes():
                    print(f"{node.node_id:>20}  {node.status:<12}  {node.name}")
            elif given.todo == "register":
                print(control.register(given.key, given.name or given.key.stem))
            elif given.todo == "expel":
                control.expel(find(control, given.node))
            else:
                control.stop(given.run)
    except Refused as error:
        return complain(error, FAILED)
    return DONE


def find(control: Control, wanted: str) -> int:
    """Return the id of the one registered node with this id or name.

    Raises:
        Refused: There is none, or there are several.
    """
    known = [node for node in control.nodes() if node.status != UNREGISTERED]
    found = [node.node_id for node in known if wanted in (str(node.node_id), node.name)]
    if len(found) != 1:
        names = ", ".join(f"{node.name} ({node.node_id})" for node in known) or "none"
        raise Refused(f"{len(found)} registered nodes are called {wanted!r}; there are: {names}")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
