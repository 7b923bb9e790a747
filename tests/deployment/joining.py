"""Local federations whose nodes have joined."""

from simulation.deployment.control import Control
from simulation.deployment.runs import wait_for_nodes

PATIENCE = 300


def join(made, nodes, patience=PATIENCE):
    """Start the SuperLink and the nodes of a ``LocalFederation``, and wait until all have joined."""
    made.start_superlink()
    with Control(made.address, made.operator) as control:
        for number in range(nodes):
            control.register(made.operator / f"node-{number}.pub", f"node-{number}")
            made.start_node(number)
        wait_for_nodes(control, nodes, patience, lambda: None)
