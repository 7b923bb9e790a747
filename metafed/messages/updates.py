"""What a chunk's clients tell the server, in the form that the experiment wants: sums, clipped sums, or votes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from metafed.aggregators.updates import Ballot, ballot
from metafed.core.parameters import Layout, Vector
from metafed.faults import faults_of
from metafed.objectives import NOTHING, Contribution, Plain, Updates
from metafed.objectives.single import alone

if TYPE_CHECKING:
    from metafed.experiment.settings import Experiment


class Told(NamedTuple):
    """A chunk's contribution to the sum, its votes where clients have them, or each client's vector to be masked."""

    contribution: Contribution
    ballots: Sequence[Ballot] = ()
    own: Mapping[int, Vector] = MappingProxyType({})


def told(experiment: "Experiment", said: Updates, ask: Mapping[str, Plain], layout: Layout, server_round: int) -> Told:
    """Return what the server gets of what clients say.

    Args:
        experiment: What is computed.
        said: The clients' updates.
        ask: What the server asked with.
        layout: Where θ's parameters lie.
        server_round: The round.

    Raises:
        ValueError: What a client says cannot be cut, or has no room under a mask.
    """
    if experiment.secure_aggregation:
        return Told(NOTHING, own=hidden(experiment, said, ask, layout, server_round))
    if experiment.private:
        from metafed.privacy.clipping import clipped

        return Told(clipped(experiment, said, ask, server_round))
    if not experiment.aggregator.sums:
        return Told(NOTHING, [ballot(experiment.objective, said, ask)])
    faults = faults_of(experiment)
    if faults is not None and faults.omniscient:
        # liars know what all others say
        return Told(experiment.objective.share(said, ask), [ballot(experiment.objective, said, ask)])
    return Told(experiment.objective.share(said, ask))


def hidden(
    experiment: "Experiment", said: Updates, ask: Mapping[str, Plain], layout: Layout, server_round: int
) -> dict[int, Vector]:
    """Return each client's contribution, cut where privacy wants it, as the vector that its host is to mask.

    Raises:
        ValueError: It cannot be cut, or has no room under a mask.
    """
    from metafed.privacy.clipping import shares
    from metafed.secure.input import input_of, vector_of

    plainly = alone(experiment.objective, said, ask)
    each = list(shares(experiment, said, ask, server_round)) if experiment.private else plainly
    found = {client: vector_of(one, layout) for client, one in zip(said.clients, each, strict=True)}
    for vector in found.values():
        input_of(vector, experiment.cohort_most)  # a client whose numbers do not fit is told apart here
    return found
