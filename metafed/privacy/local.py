"""On the host, in the local model: a client's own noise, without which nothing of it leaves.

Gaussian noise of standard deviation z C on every coordinate of every part that the client holds, as the server adds to
the sum in the central model. Whoever gets what a client sends, the server among them, can tell little of its data.
"""

import secrets
from dataclasses import replace

import numpy as np

from metafed.core.streams import stream
from metafed.objectives import Contribution
from metafed.privacy.budget import noise_of
from metafed.privacy.settings import PrivateExperiment


def noised(experiment: PrivateExperiment, one: Contribution, client: int, server_round: int) -> Contribution:
    """Return a client's cut contribution under its noise, and without its count, which would tell whether it was cut.

    Args:
        experiment: It has a fixed C.
        one: The client's contribution.
        client: Its id.
        server_round: The round.
    """
    deviation = noise_of(experiment) * float(str(experiment.privacy.clip))
    rng = _generator(experiment, client, server_round)
    vectors = {
        part: vector + rng.standard_normal(len(vector)) * deviation for part, vector in sorted(one.directions.items())
    }
    return replace(one, directions=vectors, sums={})


def _generator(experiment: PrivateExperiment, client: int, server_round: int) -> np.random.Generator:
    if experiment.privacy.random == "seed":
        return stream(experiment.seed, "dp/client", server_round, client)
    return np.random.Generator(np.random.PCG64(secrets.randbits(256)))
