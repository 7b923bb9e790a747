"""What each client says by itself, for who needs more than the sum: votes, clipped sums, masked sums."""

from collections.abc import Mapping

from metafed.objectives.base import Contribution, Objective, Plain, Updates


def alone(objective: Objective, said: Updates, ask: Mapping[str, Plain]) -> list[Contribution]:
    """Return each client's own contribution, in the order of ``said.clients``; their sum is ``objective.share``'s."""
    return [objective.share(only(said, position), ask) for position in range(len(said.clients))]


def only(said: Updates, position: int) -> Updates:
    """Return what one client says."""
    here = slice(position, position + 1)
    return said._replace(
        losses=said.losses[here],
        weights=said.weights[here],
        directions={part: rows[here] for part, rows in said.directions.items()},
        clients=said.clients[here],
        groups=said.groups[here],
        rows=said.rows[here],
    )
