"""Client updates: taken apart on the host, aggregated on the server."""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, inf
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metafed.aggregators.base import Aggregator, Direction, Earlier, Gathered, UpdateRows
from metafed.objectives import ClientUpdates, Contribution, Objective, Plain
from metafed.objectives.single import alone

NO_LOSSES: Final[Mapping[int, float]] = MappingProxyType({})
NONE_EARLIER: Final[Mapping[str, Sequence[Earlier]]] = MappingProxyType({})


class ClientVectors(NamedTuple):
    """The updates of ``C`` clients that hold the same parts.

    Attributes:
        clients: Their ids.
        vectors: Their updates ``(C, size)`` on each part.
    """

    clients: Sequence[int]
    vectors: Mapping[str, UpdateRows]


class Unmoved(NamedTuple):
    """A part that a round left where it is: it had too few updates."""

    part: str
    updates: int
    needed: int


def client_vectors_of(objective: Objective, updates: ClientUpdates, ask: Mapping[str, Plain]) -> ClientVectors:
    """On the host: return each client's update, its contribution divided by its own weight; one without has none."""
    own = [
        (client, one)
        for client, one in zip(updates.clients, alone(objective, updates, ask), strict=True)
        if weighs(one)
    ]
    vectors = {part: [one.directions[part] / one.weights[part] for _, one in own] for part in updates.directions}
    sizes = {part: rows.shape[1] for part, rows in updates.directions.items()}
    return ClientVectors(
        [client for client, _ in own],
        {part: np.array(rows, np.float64).reshape(len(own), sizes[part]) for part, rows in vectors.items()},
    )


def weighs(one: Contribution) -> bool:
    """Whether a client's contribution has a weight in all of its parts."""
    return bool(one.directions) and all(
        one.weights[part] * exp(one.scales.get(part, 0.0)) > 0 for part in one.directions
    )


def by_part(client_vectors: Iterable[ClientVectors]) -> dict[str, UpdateRows]:
    """Return the updates of each part that somebody holds ``(n, size)``, in the order of the clients."""
    return {part: updates for part, (_, updates) in with_clients(client_vectors).items()}


def with_clients(client_vectors: Iterable[ClientVectors]) -> dict[str, tuple[NDArray[np.int64], UpdateRows]]:
    """Return ids ``(n,)`` and updates ``(n, size)`` of the clients of each part that somebody holds, by id."""
    found: dict[str, list[tuple[int, Direction]]] = {}
    for each in client_vectors:
        for part, rows in each.vectors.items():
            found.setdefault(part, []).extend(zip(each.clients, rows, strict=True))
    ordered = {part: sorted(own, key=lambda pair: pair[0]) for part, own in found.items() if own}
    return {
        part: (np.array([client for client, _ in own], np.int64), np.array([vector for _, vector in own]))
        for part, own in ordered.items()
    }


def counted(
    aggregator: Aggregator,
    client_vectors: Iterable[ClientVectors],
    before: Mapping[str, Direction],
    losses: Mapping[int, float] = NO_LOSSES,
    earlier: Mapping[str, Sequence[Earlier]] = NONE_EARLIER,
) -> tuple[dict[str, Direction], list[Unmoved]]:
    """On the server: aggregate each part over the clients that hold it, in the order of their ids.

    Args:
        aggregator: What combines client updates.
        client_vectors: All client updates of a round; no client has two.
        before: The last direction of each part that ever had one, where the aggregator remembers it.
        losses: The clients' losses in the round; whose loss is not known counts as the worst served.
        earlier: The updates of earlier rounds on each part, oldest first.

    Returns:
        The direction of each part, and the parts that had too few updates for one.
    """
    found: dict[str, Direction] = {}
    unmoved: list[Unmoved] = []
    for part, (clients, vectors) in sorted(with_clients(client_vectors).items()):
        needed = aggregator.needed(len(vectors))
        if len(vectors) < needed:
            unmoved.append(Unmoved(part, len(vectors), needed))
        else:
            known = np.array([losses.get(client, inf) for client in clients.tolist()])
            gathered = Gathered(vectors, clients, known, before.get(part), earlier.get(part, ()))
            found[part] = aggregator.direction(gathered)
    return found, unmoved


def check_enough(aggregator: Aggregator, name: str, cohort: int, shares: Mapping[str, float]) -> None:
    """Refuse an aggregator for which a usual round has too few updates.

    Args:
        aggregator: What combines client updates.
        name: Its name.
        cohort: Clients of a round.
        shares: The share of clients that hold each part.

    Raises:
        ValueError: Some part would have too few updates.
    """
    for part, share in shares.items():
        vectors = int(cohort * share + 1e-9)
        needed = aggregator.needed(vectors)
        if not aggregator.sums and vectors < needed:
            raise ValueError(
                f"--aggregator {name} needs {needed} client updates of {vectors}: so many of a cohort of {cohort}"
                f" hold the part {part!r}; choose a larger --cohort, a smaller --aggregator.f or --aggregator.share,"
                " or another aggregator"
            )
