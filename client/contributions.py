"""What a chunk's clients contribute: sums, clipped sums, single updates or masked vectors, as the experiment wants."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from metafed.aggregators.updates import ClientVectors, client_vectors_of
from metafed.core.parameters import Vector
from metafed.federation.federation import Federation
from metafed.objectives import NOTHING, ClientUpdates, Contribution, Plain
from metafed.objectives.single import alone
from metafed.privacy.shares import clipped, shares
from metafed.secure.input import input_of, vector_of


class Contributed(NamedTuple):
    """A chunk's contribution to the sum, single clients' updates, or each client's vector to be masked."""

    contribution: Contribution
    client_vectors: Sequence[ClientVectors] = ()
    own: Mapping[int, Vector] = MappingProxyType({})


Side = Callable[[Federation, ClientUpdates, Mapping[str, Plain], int], Contributed | None]
"""A feature's side on the host; None where the experiment does not ask for the feature."""


def masked(
    federation: Federation, updates: ClientUpdates, ask: Mapping[str, Plain], server_round: int
) -> Contributed | None:
    """Return each client's contribution, clipped where privacy wants it, as the vector that its host is to mask.

    Raises:
        ValueError: It cannot be clipped, or has no room under a mask.
    """
    experiment = federation.experiment
    if not experiment.secure.aggregation:
        return None
    objective = experiment.objective
    each: Sequence[Contribution] = alone(objective, updates, ask)
    if experiment.private:
        each = list(shares(experiment, objective, updates, ask, server_round))
    found = {client: vector_of(one, federation.layout) for client, one in zip(updates.clients, each, strict=True)}
    for vector in found.values():
        input_of(vector, experiment.cohort_most)  # a client whose numbers do not fit is found here
    return Contributed(NOTHING, own=found)


def private(
    federation: Federation, updates: ClientUpdates, ask: Mapping[str, Plain], server_round: int
) -> Contributed | None:
    """Return the sum of clipped contributions.

    Raises:
        ValueError: One cannot be clipped.
    """
    experiment = federation.experiment
    if not experiment.private:
        return None
    return Contributed(clipped(experiment, experiment.objective, updates, ask, server_round))


def single(
    federation: Federation, updates: ClientUpdates, ask: Mapping[str, Plain], server_round: int
) -> Contributed | None:
    """Return each client's update, for an aggregator that is not content with sums."""
    experiment = federation.experiment
    if experiment.aggregator.sums:
        return None
    return Contributed(NOTHING, [client_vectors_of(experiment.objective, updates, ask)])


def with_updates(
    federation: Federation, updates: ClientUpdates, ask: Mapping[str, Plain], server_round: int
) -> Contributed | None:
    """Return the sum and each client's update, where liars know what all others say."""
    faults, objective = federation.faults, federation.experiment.objective
    if faults is None or not faults.omniscient:
        return None
    return Contributed(objective.share(updates, ask), [client_vectors_of(objective, updates, ask)])


def summed(federation: Federation, updates: ClientUpdates, ask: Mapping[str, Plain], server_round: int) -> Contributed:
    """Return the sum."""
    return Contributed(federation.experiment.objective.share(updates, ask))


ORDER: tuple[Side, ...] = (masked, private, single, with_updates, summed)
"""The first that an experiment asks for is taken: clipping comes before masking, within ``masked``."""


def contributed(
    federation: Federation, updates: ClientUpdates, ask: Mapping[str, Plain], server_round: int
) -> Contributed:
    """Return what the server gets of what clients say.

    Args:
        federation: Whose clients they are.
        updates: Their updates.
        ask: What the server asked with.
        server_round: The round.

    Raises:
        ValueError: What a client says cannot be clipped, or has no room under a mask.
    """
    found = (side(federation, updates, ask, server_round) for side in ORDER)
    return next(each for each in found if each is not None)
