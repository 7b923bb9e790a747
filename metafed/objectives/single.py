"""What each client says by itself, for who needs more than the sum: updates, clipped sums, masked sums."""

from collections.abc import Mapping

from metafed.objectives.base import ClientUpdates, Contribution, Objective, Plain


def alone(objective: Objective, updates: ClientUpdates, ask: Mapping[str, Plain]) -> list[Contribution]:
    """Return each client's contribution, in the order of ``updates.clients``; their sum is ``objective.share``'s."""
    return [objective.share(only(updates, position), ask) for position in range(len(updates.clients))]


def only(updates: ClientUpdates, position: int) -> ClientUpdates:
    """Return what one client says."""
    here = slice(position, position + 1)
    return updates._replace(
        losses=updates.losses[here],
        weights=updates.weights[here],
        directions={part: rows[here] for part, rows in updates.directions.items()},
        clients=updates.clients[here],
        groups=updates.groups[here],
        rows=updates.rows[here],
    )
