"""On the host: what each client adds to the sum, cut to a length, and under noise where clients add it themselves."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from metafed.core.streams import stream
from metafed.objectives import NOTHING, ClientUpdates, Contribution, Objective, Plain
from metafed.objectives.single import alone
from metafed.privacy.budget import noise_of
from metafed.privacy.clipping import CLIP
from metafed.privacy.settings import PrivateExperiment


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
    """Yield what each client adds to the sum: its share, cut; with its own noise where clients add it.

    There nothing of it is the server's to say: length and noise are the experiment's.

    Args:
        experiment: It is private.
        objective: Its objective.
        updates: The clients' updates.
        ask: Among others C, under ``CLIP``, where the server adds the noise.
        server_round: The round.
    """
    mechanism = experiment.mechanism
    own = mechanism.noise_at == "client"
    clip = float(str(experiment.privacy.clip if own else ask[CLIP]))
    for client, one in zip(updates.clients, alone(objective, updates, ask), strict=True):
        short = mechanism.cut(one, clip)
        yield noised(experiment, short, client, server_round) if own else short


def noised(experiment: PrivateExperiment, one: Contribution, client: int, server_round: int) -> Contribution:
    """Return a client's cut contribution under its noise, and without its count, which would tell whether it was cut.

    Whoever gets what a client sends, the server among them, can tell little of its data.

    Args:
        experiment: It has a fixed C.
        one: The client's contribution.
        client: Its id.
        server_round: The round.
    """
    scale = noise_of(experiment) * float(str(experiment.privacy.clip))
    rng = generator(experiment, "dp/client", server_round, client)
    noisy = experiment.mechanism.noisy
    vectors = {part: noisy(vector, scale, rng) for part, vector in sorted(one.directions.items())}
    return replace(one, directions=vectors, sums={})


def generator(experiment: PrivateExperiment, name: str, *key: int) -> np.random.Generator:
    """Return the stream of that name and key; with ``--privacy.random system`` one that nothing repeats."""
    if experiment.privacy.random != "system":
        return stream(experiment.seed, name, *key)
    return np.random.Generator(np.random.PCG64(secrets.randbits(256)))
