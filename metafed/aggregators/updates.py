"""Votes: cast on the host, counted on the server."""

from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import NamedTuple

import numpy as np

from metafed.aggregators.base import Aggregator, Direction, Votes
from metafed.objectives import Contribution, Objective, Plain, Updates
from metafed.objectives.single import alone


class Ballot(NamedTuple):
    """The votes of ``C`` clients that hold the same parts.

    Attributes:
        clients: Their ids.
        votes: Their votes ``(C, size)`` on each part.
    """

    clients: Sequence[int]
    votes: Mapping[str, Votes]


class Unmoved(NamedTuple):
    """A part that a round left where it is: it had too few votes."""

    part: str
    votes: int
    needed: int


def ballot(objective: Objective, said: Updates, ask: Mapping[str, Plain]) -> Ballot:
    """On the host: return each client's vote, its contribution divided by its own weight; one without has none."""
    own = [(client, one) for client, one in zip(said.clients, alone(objective, said, ask), strict=True) if weighs(one)]
    votes = {part: [one.directions[part] / one.weights[part] for _, one in own] for part in said.directions}
    sizes = {part: rows.shape[1] for part, rows in said.directions.items()}
    return Ballot(
        [client for client, _ in own],
        {part: np.array(rows, np.float64).reshape(len(own), sizes[part]) for part, rows in votes.items()},
    )


def weighs(one: Contribution) -> bool:
    """Whether a client's contribution has a weight in all of its parts."""
    return bool(one.directions) and all(
        one.weights[part] * exp(one.scales.get(part, 0.0)) > 0 for part in one.directions
    )


def counted(
    aggregator: Aggregator, ballots: Iterable[Ballot], before: Mapping[str, Direction]
) -> tuple[dict[str, Direction], list[Unmoved]]:
    """On the server: aggregate each part over the clients that hold it, in the order of their ids.

    Args:
        aggregator: What combines votes.
        ballots: All votes of a round; no client votes twice.
        before: The last direction of each part that ever had one, where the aggregator remembers it.

    Returns:
        The direction of each part, and the parts that had too few votes for one.
    """
    by_part: dict[str, list[tuple[int, Direction]]] = {}
    for each in ballots:
        for part, rows in each.votes.items():
            by_part.setdefault(part, []).extend(zip(each.clients, rows, strict=True))
    found: dict[str, Direction] = {}
    unmoved: list[Unmoved] = []
    for part in sorted(by_part):
        votes = np.array([vector for _, vector in sorted(by_part[part], key=lambda pair: pair[0])])
        needed = aggregator.needed(len(votes))
        if not len(votes):
            continue
        if len(votes) < needed:
            unmoved.append(Unmoved(part, len(votes), needed))
        else:
            found[part] = aggregator.combine(votes, before.get(part))
    return found, unmoved


def check_enough(aggregator: Aggregator, name: str, cohort: int, shares: Mapping[str, float]) -> None:
    """Refuse an aggregator for which a usual round has too few votes.

    Args:
        aggregator: What combines votes.
        name: Its name.
        cohort: Clients of a round.
        shares: The share of clients that hold each part.

    Raises:
        ValueError: Some part would have too few votes.
    """
    for part, share in shares.items():
        votes = int(cohort * share + 1e-9)
        needed = aggregator.needed(votes)
        if not aggregator.sums and votes < needed:
            raise ValueError(
                f"--aggregator {name} needs {needed} votes of {votes}: so many clients of a cohort of {cohort} hold the"
                f" part {part!r}; choose a larger --cohort, a smaller --aggregator.f or --aggregator.share, or another"
                " aggregator"
            )
