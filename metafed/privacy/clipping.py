"""On the host: what each client adds to the sum is cut to a length, over all of its parts together."""

from collections.abc import Iterator, Mapping
from math import exp, log

import numpy as np

from metafed.objectives import NOTHING, ClientUpdates, Contribution, Objective, Plain
from metafed.objectives.single import alone
from metafed.privacy.local import noised
from metafed.privacy.settings import PrivateExperiment

CLIP = "dp.clip"
"""The name under which the server tells C."""
BELOW = "dp.below"
"""The name of the sum that counts clients whose length is at most C."""
CLIENTS = "dp.clients"
"""The name of the sum that counts clients; with ½ of it taken away each counts ½ or −½ in ``BELOW``."""


def clipped(
    experiment: PrivateExperiment,
    objective: Objective,
    updates: ClientUpdates,
    ask: Mapping[str, Plain],
    server_round: int = 0,
) -> Contribution:
    """Return the sum of a_k g_k, each cut to the length C over all parts, and how many were not longer.

    The objective's masses b_k are not summed, since they depend on data. Arguments are those of ``shares``.
    """
    return sum(shares(experiment, objective, updates, ask, server_round), NOTHING)


def shares(
    experiment: PrivateExperiment,
    objective: Objective,
    updates: ClientUpdates,
    ask: Mapping[str, Plain],
    server_round: int,
) -> Iterator[Contribution]:
    """Yield what each client adds to the sum: its share, cut; in the local model with its own noise.

    In the local model nothing of it is the server's to say: length and noise are the experiment's.

    Args:
        experiment: It is private.
        objective: Its objective.
        updates: The clients' updates.
        ask: Among others C, under ``CLIP``, in the central model.
        server_round: The round.
    """
    local = experiment.privacy.model == "local"
    clip = float(str(experiment.privacy.clip if local else ask[CLIP]))
    for client, one in zip(updates.clients, alone(objective, updates, ask), strict=True):
        yield noised(experiment, cut(one, clip), client, server_round) if local else cut(one, clip)


def cut(one: Contribution, clip: float) -> Contribution:
    """Return a client's contribution cut to ``clip``, of weight 1 in its parts, however it is scaled.

    Raises:
        ValueError: It is not finite.
    """
    if not one.directions:
        return NOTHING
    (scale,) = {one.scales.get(part, 0.0) for part in one.directions}  # a client has one factor in all of its parts
    vectors = {part: np.asarray(vector, np.float64) for part, vector in one.directions.items()}
    largest = max(float(np.abs(vector).max(initial=0.0)) for vector in vectors.values())
    if not np.isfinite(largest):
        raise ValueError("a share that is not finite cannot be cut")
    below, factor = True, 0.0
    if largest > 0:
        # lengths as logarithms: a factor a_k may be beyond what a number holds
        units = {part: vector / largest for part, vector in vectors.items()}
        length = log(largest) + 0.5 * log(sum(float(unit @ unit) for unit in units.values()))
        below = length + scale <= log(clip)
        # a little less than C, so that rounding does not make it more
        factor = exp(scale) if below else clip * (1 - 1e-12) / exp(length)
    return Contribution(
        {part: vector * factor for part, vector in vectors.items()},
        dict.fromkeys(vectors, 1.0),
        sums={BELOW: float(below), CLIENTS: 1.0},
    )
